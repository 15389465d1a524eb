import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { packageRoot } from '../../services/shared/package-root.js';
import type { Env, Home } from './home.js';
import { identityOf } from './identity.js';
import { StackError } from './stack-error.js';

export interface Jars {
  /** A folder of jars. */
  kafka: string;
  /** One runnable jar. */
  registry: string;
}

const INSTALL_MAVEN =
  'Install it (Debian, Ubuntu: apt-get install maven; macOS: brew install maven). It is needed once, to fetch Kafka and the registry.';

/**
 * The jars named in pom.xml, fetched from Maven Central on first use. They appear in one step, by a rename, so that an
 * interrupted download is never taken for a complete one; a changed pom.xml is another folder.
 */
export async function ensureJars(home: Home, env: Env, say: (line: string) => void): Promise<Jars> {
  const pom = join(packageRoot(), 'infra', 'embedded', 'pom.xml');
  const folder = join(home.libRoot, createHash('sha256').update(readFileSync(pom)).digest('hex').slice(0, 12));
  if (!existsSync(folder)) {
    say('Fetching Kafka and Apicurio Registry from Maven Central, once (about 160 MB) ...');
    await fetchJars({ pom, folder, libRoot: home.libRoot, env });
  }
  const jars = findJars(folder);
  if (jars === null) {
    throw new StackError(`The jars in ${folder} are incomplete. Remove that folder and run \`backtrail up\` again.`);
  }
  return jars;
}

function findJars(folder: string): Jars | null {
  const registryFolder = join(folder, 'registry');
  const kafka = join(folder, 'kafka');
  if (!existsSync(registryFolder) || !existsSync(kafka)) return null;
  const runner = readdirSync(registryFolder).find((name) => name.endsWith('-runner.jar'));
  if (runner === undefined || !readdirSync(kafka).some((name) => name.startsWith('kafka_2.13-'))) return null;
  return { kafka, registry: join(registryFolder, runner) };
}

async function fetchJars(options: { pom: string; folder: string; libRoot: string; env: Env }): Promise<void> {
  const { folder, libRoot } = options;
  const temporary = join(libRoot, `.fetch-${String(process.pid)}`);
  try {
    mkdirSync(libRoot, { recursive: true });
    removeLeftovers(libRoot);
    mkdirSync(temporary, { recursive: true });
    // Maven writes beside the pom it is given; the one in the sources stays untouched.
    await copyFile(options.pom, join(temporary, 'pom.xml'));
    await runMaven(['-B', '-f', join(temporary, 'pom.xml'), 'generate-resources', `-Dlib=${temporary}`], options.env);
    if (findJars(temporary) === null) throw new StackError('Maven ended well but not all jars are there.');
    rmSync(join(temporary, 'target'), { recursive: true, force: true });
    if (!existsSync(folder)) renameSync(temporary, folder);
  } catch (error) {
    if (existsSync(folder)) return; // another process was faster
    throw error instanceof StackError ? error : new StackError(fetchSentence(String(error)), { cause: error });
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Half-fetched folders of processes that were killed. */
function removeLeftovers(libRoot: string): void {
  for (const name of readdirSync(libRoot)) {
    const pid = /^\.fetch-(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && identityOf(Number(pid)) === null) {
      rmSync(join(libRoot, name), { recursive: true, force: true });
    }
  }
}

async function runMaven(args: readonly string[], env: Env): Promise<void> {
  const printed: string[] = [];
  const code = await new Promise<number | null>((resolve, reject) => {
    const maven = spawn('mvn', args, { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
    for (const stream of [maven.stdout, maven.stderr])
      stream.on('data', (chunk: Buffer) => printed.push(String(chunk)));
    maven.once('error', (error) => {
      reject(new StackError(`Maven (mvn) could not be run. ${INSTALL_MAVEN}`, { cause: error }));
    });
    maven.once('close', resolve);
  });
  if (code !== 0) throw new StackError(fetchSentence(printed.join('')));
}

/** What to do when Maven failed, by what it printed. */
export function fetchSentence(printed: string): string {
  if (/No space left on device|ENOSPC|Disk quota exceeded/i.test(printed)) {
    return 'The disk is full: Kafka and the registry need about 400 MB while they are fetched. Free some space and run the command again.';
  }
  const errors = printed.split('\n').filter((line) => line.startsWith('[ERROR]') && line.length > '[ERROR] '.length);
  const reason = (errors[0] ?? printed.trim().slice(-400)).replace('[ERROR] ', '');
  return (
    'Kafka and the registry could not be fetched from Maven Central. Check that this machine reaches it (a proxy or mirror ' +
    `belongs into Maven's settings.xml) and run the command again. Maven said: ${reason}`
  );
}
