import { execFile } from 'node:child_process';
import { join } from 'node:path';
import type { Env } from './home.js';
import { StackError } from './stack-error.js';

const JAVA_NEEDED = 17;

const INSTALL_JAVA =
  'Install Java 17 or newer (Debian, Ubuntu: apt-get install openjdk-17-jre-headless; macOS: brew install openjdk@17) and put it on the PATH or in JAVA_HOME.';

/** The Java to run: JAVA_HOME's, else the PATH's. */
export function javaProgram(env: Env): string {
  const javaHome = env['JAVA_HOME'];
  return javaHome === undefined || javaHome === '' ? 'java' : join(javaHome, 'bin', 'java');
}

/** Throws a sentence when there is no Java, or one too old for Kafka 4. */
export async function checkJava(env: Env): Promise<void> {
  const program = javaProgram(env);
  const printed = await new Promise<string>((resolve, reject) => {
    execFile(program, ['-version'], { env: { ...env } }, (error, stdout, stderr) => {
      if (error) reject(new StackError(`Java could not be run (${program}). ${INSTALL_JAVA}`, { cause: error }));
      else resolve(stderr + stdout);
    });
  });
  const version = javaMajor(printed);
  if (version === null) throw new StackError(`${program} -version printed no version. ${INSTALL_JAVA}`);
  if (version < JAVA_NEEDED) {
    throw new StackError(`${program} is Java ${String(version)}, which is too old for Kafka 4. ${INSTALL_JAVA}`);
  }
}

/** 8 for `1.8.0_402`, 17 for `17.0.15`. */
export function javaMajor(printed: string): number | null {
  const match = /version "(?:1\.)?(\d+)/.exec(printed);
  return match?.[1] === undefined ? null : Number(match[1]);
}
