// node wasi.mjs FILE ARGUMENT...: runs a WebAssembly program, and exits as it does.
import { readFile } from 'node:fs/promises';
import { WASI } from 'node:wasi';

const [file, ...programArguments] = process.argv.slice(2);
const wasi = new WASI({ version: 'preview1', args: [file, ...programArguments], env: process.env, returnOnExit: true });
const module = await WebAssembly.compile(await readFile(file));
const instance = await WebAssembly.instantiate(module, wasi.getImportObject());
process.exitCode = wasi.start(instance);
