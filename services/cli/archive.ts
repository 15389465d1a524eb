import type { Command } from 'commander';

import type { CliContext } from './context.js';

export interface ArchiveCommandOptions {
  readonly to?: string;
  readonly topic?: readonly string[];
  readonly segmentRecords?: string;
  readonly segmentBytes?: string;
  readonly json?: true;
}

export interface VerifyCommandOptions {
  readonly root?: string;
  readonly json?: true;
}

/** `backtrail archive`: what the topics hold, in files that outlive them. */
export function registerArchive(program: Command, context: CliContext): void {
  const archive = program
    .command('archive')
    .description('write what the topics hold, and an archive does not yet, to files that a replay can read')
    .option('--to <place>', 'a folder, or s3://bucket/prefix')
    .option('--topic <names...>', 'only these topics: releases, inferences, proofs, agents, payments')
    .option('--segment-records <n>', 'records of a file, at most')
    .option('--segment-bytes <n>', 'bytes of the records of a file before compression, about (default: 64 MiB)')
    .option('--json', 'what was added, as one JSON object')
    .addHelpText('after', HELP)
    .action(async (options: ArchiveCommandOptions) => {
      const { runArchive } = await import('./archive-run.js');
      await runArchive(options, context);
    });
  archive
    .command('verify')
    .description('read a whole archive and check it; exits 3 and names the range where something is wrong')
    .argument('<place>', 'a folder, or s3://bucket/prefix')
    .option('--root <hash>', 'a root that `archive` printed: the archive is the same, or has grown out of it')
    .option('--json', 'as one JSON object')
    .addHelpText('after', VERIFY_HELP)
    .action(async (place: string, options: VerifyCommandOptions) => {
      const { runVerify } = await import('./archive-verify.js');
      await runVerify(place, options, context);
    });
}

const HELP = `
Every record up to where the topics end now is written as it is: offset, append time, key, headers and the bytes of its value, with
the schemas that values name. Files are Avro object containers, one a range of offsets, and the name says which. Run again, it adds
what has come since; one that was cut off is gone on with. What retention took before it was archived is declared (exit code 3).

A bucket: ARCHIVE_S3_ENDPOINT, ARCHIVE_S3_REGION, ARCHIVE_S3_FORCE_PATH_STYLE, and credentials as for all tools of AWS
(AWS_SECRET_ACCESS_KEY_FILE names a file with the secret key).

Examples:
  $ backtrail archive --to /backup/trail
  $ backtrail archive --to s3://backup/trail --topic releases payments
  $ backtrail archive --to /backup/trail --json    {"archive", "root", "segments": [{"topic", "partition", "from", "to", "file",
                                                    "records", "bytes", "sha256", ...}], "records", "bytes", "lost": [...]}
  $ backtrail archive verify /backup/trail
  $ backtrail replay --model m --archive /backup/trail`;

const VERIFY_HELP = `
Of every file: it is there, has its SHA-256, its records have the offsets that its name and the manifest say, one by one, the
holes are those that are declared, and every schema that a value names is there. Of all: nothing lacks between the files of a
partition, and no entry was changed (each is chained to the one before; the last link is the root).

Examples:
  $ backtrail archive verify /backup/trail
  $ backtrail archive verify s3://backup/trail --root 5e1f...
  $ backtrail archive verify /backup/trail --json    {"archive", "whole", "root", "ranges": [...], "lost": [...], "undecodable",
                                                      "problems": [{"topic", "partition", "from", "to", "file", "problem"}], "unlisted"}`;
