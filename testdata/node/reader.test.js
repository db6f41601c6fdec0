// Every vector, opened by a reader in another language.
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { Refused, Timestamp, makeKey, open } from './reader.js';

const vectors = JSON.parse(readFileSync(new URL('../vectors.json', import.meta.url)));

test('there are vectors', () => {
  assert.ok(vectors.filter((v) => v.want).length >= 30);
  assert.ok(vectors.filter((v) => v.refused).length >= 150);
});

for (const v of vectors) {
  test(v.name, () => {
    const keys = v.keys.map((k) => makeKey({ secret: bytesOf(k.secret), hashKey: bytesOf(k.hash_key), blockKey: bytesOf(k.block_key) }));
    const asked = { keys, setup: v.config, compartment: v.compartment, header: v.cookie, now: v.now, purpose: v.purpose };
    if (v.refused) {
      assert.throws(() => open(asked), (err) => err instanceof Refused && err.message === v.refused);
      return;
    }
    const { payload, plain } = open(asked);
    assert.equal(plain.toString('base64'), v.payload);
    assert.deepEqual(written(payload), v.want);
  });
}

// bytesOf gives the bytes that a vector names by "sha256:text".
function bytesOf(name) {
  if (name === undefined) return undefined;
  const at = name.indexOf(':');
  return createHash(name.slice(0, at)).update(name.slice(at + 1)).digest();
}

// written is a payload as vectors write it.
function written(payload) {
  const { deadline, expiry, values, metadata, text, ...rest } = payload;
  const out = Object.fromEntries(Object.entries(rest).filter(([, value]) => value !== undefined));
  const base64 = (bytes) => Buffer.from(bytes).toString('base64');
  if (metadata) out.metadata = Object.fromEntries([...metadata].map(([name, bytes]) => [name, base64(bytes)]));
  if (text?.length) out.text = base64(text);
  if (values) out.values = tagAll(values);
  if (expiry) out.expiry = expiry.at ? { at: timeText(expiry.at) } : expiry;
  return out;
}

function tagAll(map) {
  return Object.fromEntries([...map].map(([key, value]) => [key, tag(value)]));
}

function tag(v) {
  if (v === null) return null;
  if (typeof v === 'boolean') return { bool: v };
  if (typeof v === 'bigint') return { int: v.toString() };
  if (typeof v === 'number') return { float: v };
  if (typeof v === 'string') return { str: v };
  if (v instanceof Uint8Array) return { bin: Buffer.from(v).toString('base64') };
  if (v instanceof Timestamp) return { time: timeText(v) };
  if (Array.isArray(v)) return { list: v.map(tag) };
  return { map: tagAll(v) };
}

function timeText({ seconds, nanoseconds }) {
  const text = new Date(Number(seconds) * 1000).toISOString().slice(0, 19);
  const fraction = nanoseconds === 0n ? '' : '.' + nanoseconds.toString().padStart(9, '0').replace(/0+$/, '');
  return text + fraction + 'Z';
}
