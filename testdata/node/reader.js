// A reader of cookiesession cookies, written from FORMAT.md alone: Node's own
// crypto, and a msgpack package for the values. It is made to be read, not to
// be fast.
import { createDecipheriv, createHmac, hkdfSync, timingSafeEqual } from 'node:crypto';
import { Decoder, ExtensionCodec } from '@msgpack/msgpack';

export class Refused extends Error {}

const invalid = () => new Refused('invalid');
const skew = 300; // seconds that clocks of instances may be apart

// makeKey expands the bytes of a key: either secret, or hashKey and blockKey.
export function makeKey({ secret, hashKey, blockKey }) {
  const material = secret ?? Buffer.concat([hashKey, blockKey]);
  const expand = (label, n = 32) =>
    Buffer.from(hkdfSync('sha256', material, Buffer.alloc(0), `cookiesession v1 ${label}`, n));
  return {
    id: expand('key id', 3).toString('base64url'),
    securecookie: {
      hash: secret ? expand('securecookie hash key') : hashKey,
      block: secret ? expand('securecookie block key') : blockKey,
    },
    compact: { hash: expand('compact hash key'), block: expand('compact block key') },
  };
}

// open reads one compartment out of a Cookie header. It returns what the
// payload says, or throws a Refused whose message is the reason.
export function open({ keys, setup, compartment, header, now, purpose }) {
  let name = (setup.host_prefix ? '__Host-s_' : 's_') + setup.name;
  if (compartment === 'text') return openText(keys, name + '@' + purpose, header, now);
  if (compartment !== 'data') name += '_' + compartment;

  const cookies = parseHeader(header);
  let best;
  let refusal = invalid();
  for (const value of cookies.filter((c) => c.name === name).map((c) => c.value)) {
    try {
      const plain = unseal(keys, name, value, cookies);
      const payload = unpack[compartment](plain, now, setup);
      const time = payload.modified ?? payload.last ?? payload.made ?? payload.expires;
      if (!best || time > best.time) best = { payload, plain, time };
    } catch (err) {
      if (!(err instanceof Refused)) throw err;
      refusal = err;
    }
  }
  if (!best) throw refusal;
  if (best.payload.deadline <= now) throw new Refused('expired');
  return best;
}

// openText opens a text that was sealed for a purpose.
function openText(keys, name, text, now) {
  const plain = unseal(keys, name, text, []);
  const payload = unpack.text(plain);
  if (payload.until <= now) throw new Refused('expired');
  return { payload, plain };
}

function parseHeader(header) {
  return header.split(';').map((pair) => {
    const trim = (s) => s.replace(/^[ \t]+|[ \t]+$/g, '');
    const [, name, value = ''] = /^([^=]*)(?:=([^]*))?$/.exec(trim(pair));
    return { name: trim(name), value: value.replace(/^"([^]*)"$/, '$1') };
  });
}

function unseal(keys, name, value, cookies) {
  const match = /^([A-Za-z0-9_-]{4})\.([^]*)$/.exec(value);
  if (!match) throw invalid();
  const key = keys.find((k) => k.id === match[1]);
  if (!key) throw new Refused('unknown key');
  const text = join(match[2], name, cookies);
  return text.startsWith('A') ? openCompact(key.compact, name, text) : openSecurecookie(key.securecookie, name, text);
}

// join puts "<n>.<tag>.<text>" together with its continuation cookies.
function join(rest, name, cookies) {
  if (!rest.includes('.')) return rest;
  const match = /^([1-9][0-9]?)\.([A-Za-z0-9_-]{4})\.([^]*)$/.exec(rest);
  if (!match) throw invalid();
  const [, n, tag, first] = match;
  if (n < 2 || n > 64) throw invalid();
  let text = first;
  for (let i = 1; i < n; i++) {
    const piece = cookies.find((c) => c.name === `${name}.${i}` && c.value.startsWith(tag + '.'));
    if (!piece || piece.value.length === 5) throw invalid();
    text += piece.value.slice(5);
  }
  return text;
}

function openCompact(key, name, text) {
  const raw = Buffer.from(text, 'base64url');
  if (raw.toString('base64url') !== text) throw invalid(); // Node is lenient, the format is not
  if (raw.length < 1 + 16 + 16 || raw[0] !== 1) throw invalid();
  const body = raw.subarray(0, -16);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(Buffer.byteLength(name));
  const mac = createHmac('sha256', key.hash).update(length).update(name).update(body).digest().subarray(0, 16);
  if (!timingSafeEqual(mac, raw.subarray(-16))) throw invalid();
  return decrypt(key.block, body.subarray(1));
}

function openSecurecookie(key, name, text) {
  const raw = padded(text);
  const date = raw.indexOf('|');
  const value = raw.indexOf('|', date + 1);
  if (date < 0 || value < 0) throw invalid();
  const mac = createHmac('sha256', key.hash).update(name + '|').update(raw.subarray(0, value)).digest();
  const given = raw.subarray(value + 1);
  if (given.length !== mac.length || !timingSafeEqual(mac, given)) throw invalid();
  const sealed = padded(raw.subarray(date + 1, value).toString('latin1'));
  if (sealed.length <= 16) throw invalid();
  return decrypt(key.block, sealed);
}

// padded decodes base64url with padding.
function padded(text) {
  if (text.length % 4 !== 0 || !/^[A-Za-z0-9_-]*={0,2}$/.test(text)) throw invalid();
  return Buffer.from(text, 'base64url');
}

function decrypt(key, ivAndText) {
  const cipher = createDecipheriv('aes-256-ctr', key, ivAndText.subarray(0, 16));
  return Buffer.concat([cipher.update(ivAndText.subarray(16)), cipher.final()]);
}

const unpack = {
  data(plain, now, setup) {
    const { walk, version } = payload(plain, 6, 7);
    const id = walk.id();
    const created = walk.int();
    const modified = walk.int();
    if (created > now + skew || modified > now + skew) throw invalid();
    const expiry = readExpiry(walk.value());
    const values = walk.pairs();
    const metadata = version === 2 ? walk.pairs() : undefined;
    walk.end();
    let deadline = modified + setup.idle_timeout;
    if (expiry?.idle !== undefined) deadline = modified + expiry.idle;
    if (expiry?.at !== undefined) deadline = Number(expiry.at.seconds) + Number(expiry.at.nanoseconds) / 1e9;
    if (setup.absolute_timeout) deadline = Math.min(deadline, created + setup.absolute_timeout);
    return { id, created, modified, expiry, values, metadata, deadline };
  },
  flash(plain, now, setup) {
    const { walk, version } = payload(plain, 3, 4);
    const first = walk.int(); // when it expires, in version 1; when it was made, in version 2
    const made = version === 1 ? first - setup.flash_lifetime : first;
    if (made > now + skew + 1) throw invalid();
    const values = walk.pairs();
    const owner = version === 2 ? walk.bytes() : undefined; // empty: made beside no session
    if (owner && owner.length !== 0 && owner.length !== 16) throw invalid();
    walk.end();
    const deadline = made + setup.flash_lifetime;
    if (version === 1) return { expires: first, values, deadline };
    return { id: owner.length ? owner.toString('base64url') : undefined, made, values, deadline };
  },
  text(plain) {
    const { walk } = payload(plain, 3);
    const until = walk.int();
    const text = walk.bytes();
    walk.end();
    return { until, text };
  },
  views(plain, now) {
    const { walk } = payload(plain, 10);
    const out = { id: walk.id(), created: walk.int(), last: walk.int(), requests: walk.int(), pages: walk.int(), unique: walk.int() };
    if (out.created > now + skew || out.last > now + skew) throw invalid();
    const [set, paths, log] = [walk.bytes(), walk.bytes(), walk.bytes()];
    walk.end();
    if (!(0 <= out.unique && out.unique <= out.pages && out.pages <= out.requests)) throw invalid();
    if (out.unique > 256 ? set.length !== 1024 : set.length % 4 !== 0 || set.length > 1024) throw invalid();
    out.history = readHistory(readPaths(paths), log, out.last);
    out.deadline = Infinity; // they end with their session
    return out;
  },
};

// payload begins to read one behind its version. Version 1 has elements[0]
// elements, version 2 has elements[1].
function payload(plain, ...elements) {
  const walk = new Walk(plain);
  const count = walk.array();
  const version = walk.int();
  if (count !== elements[version - 1]) throw invalid();
  return { walk, version };
}

function readExpiry(raw) {
  const v = decode(raw);
  if (v === null) return undefined;
  if (v === 0n) return { browser: true };
  if (typeof v === 'bigint' && v > 0n && v <= 9223372036n) return { idle: Number(v) };
  if (v instanceof Timestamp) return { at: v };
  throw invalid();
}

function readPaths(bytes) {
  const numbers = new Numbers(bytes);
  const paths = [];
  while (!numbers.atEnd()) paths.push(numbers.take(Math.floor(numbers.next() / 2)).toString('utf8'));
  return paths;
}

function readHistory(paths, bytes, last) {
  const numbers = new Numbers(bytes);
  const views = [];
  while (!numbers.atEnd()) {
    const delta = numbers.next();
    const ref = numbers.next();
    const status = ref % 2 === 1 ? numbers.next() : 200;
    const path = paths[Math.floor(ref / 2)];
    const pause = ref === 1 && status === 0; // time that passed without a view
    if (!pause && (path === undefined || status < 100 || status > 999)) throw invalid();
    views.push({ path, delta, status, pause });
  }
  let time = last;
  for (const v of views.toReversed()) {
    v.time = time;
    time -= v.delta;
  }
  return views.filter((v) => !v.pause).map(({ path, time, status }) => ({ path, time, status }));
}

// Numbers reads little-endian base-128 numbers of at most 53 bits.
class Numbers {
  constructor(bytes) { this.bytes = bytes; this.at = 0; }
  atEnd() { return this.at === this.bytes.length; }
  next() {
    let n = 0n;
    for (let shift = 0n; shift < 64n; shift += 7n) {
      if (this.atEnd()) throw invalid();
      const b = this.bytes[this.at++];
      n |= BigInt(b & 0x7f) << shift;
      if (b < 0x80) {
        if (n >= 1n << 53n) throw invalid();
        return Number(n);
      }
    }
    throw invalid();
  }
  take(n) {
    if (n > this.bytes.length - this.at) throw invalid();
    return this.bytes.subarray(this.at, (this.at += n));
  }
}

// Walk goes over msgpack without decoding it: every length is checked against
// the bytes that are there before anything is made of it.
class Walk {
  constructor(raw) { this.raw = raw; this.at = 0; }

  end() { if (this.at !== this.raw.length) throw invalid(); }

  // header reads the kind of the next value, how many bytes its header has,
  // and how many bytes, elements or pairs follow.
  header(at = this.at) {
    const b = this.raw;
    if (at >= b.length) throw invalid();
    const c = b[at];
    const big = (n) => {
      if (at + 1 + n > b.length) throw invalid();
      return b.readUIntBE(at + 1, n);
    };
    const wide = (kind, lengthBytes, extra = 0) => [kind, 1 + lengthBytes + extra, big(lengthBytes)];
    const [kind, size, n] =
      c < 0x80 || c >= 0xe0 ? ['int', 1, 0]
      : c < 0x90 ? ['map', 1, c & 15]
      : c < 0xa0 ? ['array', 1, c & 15]
      : c < 0xc0 ? ['str', 1, c & 31]
      : c === 0xc0 ? ['nil', 1, 0]
      : c === 0xc2 || c === 0xc3 ? ['bool', 1, 0]
      : c >= 0xc4 && c <= 0xc6 ? wide('bin', 1 << (c - 0xc4))
      : c >= 0xc7 && c <= 0xc9 ? wide('ext', 1 << (c - 0xc7), 1)
      : c === 0xca || c === 0xcb ? ['float', 1, 4 << (c - 0xca)]
      : c >= 0xcc && c <= 0xcf ? ['int', 1, 1 << (c - 0xcc)]
      : c >= 0xd0 && c <= 0xd3 ? ['int', 1, 1 << (c - 0xd0)]
      : c >= 0xd4 && c <= 0xd8 ? ['ext', 2, 1 << (c - 0xd4)]
      : c >= 0xd9 && c <= 0xdb ? wide('str', 1 << (c - 0xd9))
      : c === 0xdc || c === 0xdd ? wide('array', 2 << (c - 0xdc))
      : c === 0xde || c === 0xdf ? wide('map', 2 << (c - 0xde))
      : ['bad', 0, 0];
    if (kind === 'bad' || n > b.length - at - size) throw invalid();
    return { kind, size, n };
  }

  // skip returns where the value at at ends.
  skip(at, depth = 0) {
    const { kind, size, n } = this.header(at);
    at += size;
    if (kind !== 'array' && kind !== 'map') return at + n;
    if (depth === 32) throw invalid();
    for (let i = kind === 'map' ? 2 * n : n; i > 0; i--) at = this.skip(at, depth + 1);
    return at;
  }

  value() {
    const start = this.at;
    this.at = this.skip(start);
    return this.raw.subarray(start, this.at);
  }

  array() {
    const { kind, size, n } = this.header();
    if (kind !== 'array') throw invalid();
    this.at += size;
    return n;
  }

  int() {
    if (this.header().kind !== 'int') throw invalid();
    const v = decode(this.value());
    if (v < -(2n ** 63n) || v >= 2n ** 63n) throw invalid();
    return Number(v);
  }

  body(want) {
    const { kind, size } = this.header();
    if (kind !== want) throw invalid();
    return this.value().subarray(size);
  }

  bytes() { return this.body('bin'); }

  id() {
    const id = this.bytes();
    if (id.length !== 16) throw invalid();
    return id.toString('base64url');
  }

  // pairs reads a map whose keys are strings, ascending by bytes, none twice.
  pairs() {
    const { kind, size, n } = this.header();
    if (kind !== 'map') throw invalid();
    this.at += size;
    const pairs = new Map();
    let last;
    for (let i = 0; i < n; i++) {
      const key = this.body('str');
      if (last && Buffer.compare(last, key) >= 0) throw invalid();
      pairs.set(key.toString('utf8'), decode(this.value()));
      last = key;
    }
    return pairs;
  }
}

export class Timestamp {
  constructor(seconds, nanoseconds) { this.seconds = seconds; this.nanoseconds = nanoseconds; }
}

// decode makes values of one that has been walked: lists and maps here, since
// the package refuses keys like "__proto__", everything else by the package.
function decode(raw) {
  const walk = new Walk(raw);
  const { kind, size, n } = walk.header();
  if (kind === 'int') return BigInt(decoder.decode(raw)); // whatever its width
  if (kind !== 'array' && kind !== 'map') return decoder.decode(raw);
  walk.at += size;
  const next = () => decode(walk.value());
  if (kind === 'array') return Array.from({ length: n }, next);
  const out = new Map();
  for (let i = 0; i < n; i++) {
    const key = next();
    out.set(key, next());
  }
  return out;
}

const extensions = new ExtensionCodec();
extensions.register({
  type: -1,
  encode: () => null,
  decode(b) { // 4, 8 or 12 bytes, as msgpack has it
    const view = new DataView(b.buffer, b.byteOffset, b.length);
    let seconds, nanoseconds = 0n;
    if (b.length === 4) seconds = BigInt(view.getUint32(0));
    else if (b.length === 8) [seconds, nanoseconds] = [view.getBigUint64(0) & (2n ** 34n - 1n), view.getBigUint64(0) >> 34n];
    else if (b.length === 12) [seconds, nanoseconds] = [view.getBigInt64(4), BigInt(view.getUint32(0))];
    if (seconds === undefined || nanoseconds >= 1000000000n) throw invalid();
    return new Timestamp(seconds, nanoseconds);
  },
});
const decoder = new Decoder({ extensionCodec: extensions, useBigInt64: true });
