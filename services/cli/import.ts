import type { Command } from 'commander';
import type { CliContext } from './context.js';
export function registerImport(_program: Command, _context: CliContext): void {}
