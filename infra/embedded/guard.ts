import type { Home } from './home.js';
import type { Command } from './launch.js';

// A shell takes a megabyte. It ends with the supervisor, but for one that a signal ended while the stack is wanted.
const SCRIPT = `
wanted=$1; shift
while :; do
  "$@"; code=$?
  sleep 0.5
  [ $code -gt 128 ] && [ -e "$wanted" ] && ! grep -q '"stop": true' "$wanted" || exit $code
  echo "the supervisor was ended by signal $((code - 128)), starting it again"
done`;

/** The supervisor keeps all others alive; this keeps the supervisor alive. */
export function guarded(supervisor: Command, home: Home): Command {
  return process.platform === 'win32' ? supervisor : ['/bin/sh', '-c', SCRIPT, 'sh', home.wantedFile, ...supervisor];
}
