// Runs the function of patch-storage.ts, which is compiled as it is, against the server at BASE.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';

const { BASE, KEY, TEST_NODE_MODULES } = process.env;
const ts = createRequire(`${TEST_NODE_MODULES}/`)('typescript');
const source = readFileSync(new URL('patch-storage.ts', import.meta.url), 'utf8');
const { outputText } = ts.transpileModule(source, {
  compilerOptions: { module: ts.ModuleKind.ESNext, target: ts.ScriptTarget.ES2022 },
});

// The function asks for a path, as a page of the same origin would.
const fetchAnywhere = globalThis.fetch;
globalThis.fetch = (path, init) => fetchAnywhere(new URL(path, BASE), init);

const { patchStorage } = await import(`data:text/javascript,${encodeURIComponent(outputText)}`);
const set = (key, value) => [{ op: 'set', key, value }];
const said = [];
said.push(await patchStorage('smoke', set('foo', 'bar'), KEY));
said.push(await patchStorage('smoke', set('foo', 'baz'), KEY, 'smoke'));

// Somebody else is faster, between the read and the write.
const calm = globalThis.fetch;
globalThis.fetch = async (path, init) => {
  if (init.method === 'PATCH') {
    globalThis.fetch = calm;
    await patchStorage('smoke', set('foo', 'theirs'), KEY, 'other');
  }
  return calm(path, init);
};
said.push(await patchStorage('smoke', set('foo', 'ours'), KEY).catch(error => error.message));
said.push(await patchStorage('smoke', [{ op: 'move', key: 'x' }], KEY).catch(error => error.message));
console.log(JSON.stringify(said));
