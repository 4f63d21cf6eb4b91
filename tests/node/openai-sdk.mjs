// Uses every call of files and uploads of OpenAI's Node SDK against the server at BASE.
// Ends with an error at the first difference from what the SDK's users know.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { createRequire } from 'node:module';

const { BASE, KEY, STRANGERS_KEY, TEST_NODE_MODULES } = process.env;
const OpenAI = createRequire(`${TEST_NODE_MODULES}/`)('openai');
const { toFile } = OpenAI;

const connect = (apiKey, maxRetries = 0) => new OpenAI({ apiKey, baseURL: `${BASE}/v1`, maxRetries });
const client = connect(KEY);
const stranger = connect(STRANGERS_KEY);

const all = async pages => {
  const ids = [];
  for await (const file of pages) ids.push(file.id);
  return ids;
};

async function files() {
  const content = Buffer.from('größe: 1\n');
  const file = await client.files.create({
    file: await toFile(content, 'Grüße.txt', { type: 'text/plain' }),
    purpose: 'assistants',
    expires_after: { anchor: 'created_at', seconds: 3600 },
  });
  assert.equal(file.object, 'file');
  assert.match(file.id, /^file-/);
  assert.deepEqual([file.filename, file.bytes, file.purpose], ['Grüße.txt', content.length, 'assistants']);
  assert.equal(file.expires_at, file.created_at + 3600);
  assert.equal((await client.files.waitForProcessing(file.id, { pollInterval: 10 })).status, 'processed');
  assert.deepEqual(await client.files.retrieve(file.id), file);
  const answer = await client.files.content(file.id);
  assert.match(answer.headers.get('content-type'), /^text\/plain/);
  assert.deepEqual(Buffer.from(await answer.arrayBuffer()), content);
  assert.deepEqual(await client.files.delete(file.id), { id: file.id, object: 'file', deleted: true });
  await assert.rejects(client.files.retrieve(file.id), error => {
    assert(error instanceof OpenAI.NotFoundError, error);
    assert.match(error.message, /There is no/, 'the message is shown');
    return true;
  });
  await assert.rejects(client.files.content(file.id), OpenAI.NotFoundError);
}

async function pages() {
  const made = [];
  for (let n = 0; n < 5; n += 1) {
    const file = await toFile(Buffer.from('{}\n'), `${n}.jsonl`);
    made.push((await client.files.create({ file, purpose: n % 2 ? 'batch' : 'fine-tune' })).id);
  }
  assert.deepEqual(await all(client.files.list({ limit: 2 })), made.toReversed());
  assert.deepEqual(await all(client.files.list({ limit: 2, order: 'asc' })), made);
  assert.deepEqual(await all(client.files.list({ purpose: 'batch' })), [made[3], made[1]]);
  assert.deepEqual(await all(stranger.files.list()), []);
  for (const file of made) await client.files.delete(file);
  assert.deepEqual(await all(client.files.list()), []);
}

async function errors() {
  const create = async changes =>
    client.files.create({ file: await toFile(Buffer.from('a'), 'a.txt'), purpose: 'assistants', ...changes });
  await assert.rejects(create({ purpose: 'world-domination' }), error => {
    assert(error instanceof OpenAI.BadRequestError, error);
    assert.match(error.message, /purpose/);
    assert.equal(error.type, 'invalid_request_error');
    assert(error.code && error.param && error.requestID, 'code, param and request id are shown');
    return true;
  });
  await assert.rejects(connect('gos_nonsense').files.list(), OpenAI.AuthenticationError);
  const file = await create();
  await assert.rejects(stranger.files.retrieve(file.id), OpenAI.PermissionDeniedError);
  await assert.rejects(stranger.files.content(file.id), OpenAI.PermissionDeniedError);
  await assert.rejects(stranger.files.delete(file.id), OpenAI.PermissionDeniedError);
  await client.files.delete(file.id);
}

async function uploads() {
  const parts = [randomBytes(1000), randomBytes(70_000), randomBytes(1)];
  const whole = Buffer.concat(parts);
  const begin = () =>
    client.uploads.create({ filename: 'whole.bin', purpose: 'vision', bytes: whole.length, mime_type: 'image/png' });
  const upload = await begin();
  assert.deepEqual([upload.object, upload.status, upload.bytes], ['upload', 'pending', whole.length]);
  const order = await Promise.all(
    parts.map(async part => (await client.uploads.parts.create(upload.id, { data: await toFile(part, 'part') })).id),
  );
  const md5 = createHash('md5').update(whole).digest('hex');
  await assert.rejects(
    client.uploads.complete(upload.id, { part_ids: order, md5: md5.replace(/./, c => (c === '0' ? '1' : '0')) }),
    OpenAI.BadRequestError,
  );
  const done = await client.uploads.complete(upload.id, { part_ids: order, md5 });
  assert.deepEqual([done.status, done.file.bytes, done.file.filename], ['completed', whole.length, 'whole.bin']);
  const content = await client.files.content(done.file.id);
  assert.deepEqual(Buffer.from(await content.arrayBuffer()), whole);
  const start = Date.now();
  await assert.rejects(connect(KEY, 5).uploads.complete(upload.id, { part_ids: order }), OpenAI.ConflictError);
  assert(Date.now() - start < 500, 'a definite conflict is not tried again');
  const cancelled = await client.uploads.cancel((await begin()).id);
  assert.equal(cancelled.status, 'cancelled');
  await client.files.delete(done.file.id);
}

for (const check of [files, pages, errors, uploads]) {
  const start = Date.now();
  await check();
  console.error(`${check.name}: ${Date.now() - start} ms`);
}
