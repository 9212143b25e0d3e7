// Programs for the tests of the page: the real ones as processes of their own, and a provider whose
// decisions are those of a test.

import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const kPatienceMs = 60_000; // other tests run meanwhile

// Waits until `condition` returns something, and returns it.
export async function eventually(what, condition, patienceMs = kPatienceMs) {
  const deadline = Date.now() + patienceMs;
  while (Date.now() < deadline) {
    const result = await condition();
    if (result) return result;
    await sleep(20);
  }
  throw new Error(`still not after ${patienceMs} ms: ${what}`);
}

// Below those that the system gives to clients, so that it is still free for a second start.
async function freePort() {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000);
    const isFree = await new Promise((resolve) => {
      const server = createTcpServer().once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
}

class Program {
  #process;
  #options;

  constructor(name, directory, variables) {
    this.#options = { name, directory, variables };
  }

  get url() { return `http://127.0.0.1:${this.port}`; }

  // The second start takes the port of the first.
  async start() {
    const { name, directory, variables } = this.#options;
    this.port ??= await freePort();
    const portFile = join(directory, `${name}.ports`);
    rmSync(portFile, { force: true });
    const log = openSync(join(directory, `${name}.log`), 'a');
    this.#process = spawn(join(process.env.BIN_DIR, name), [], {
      stdio: ['ignore', log, log],
      env: { ...process.env, ADMIN_PORT: '0', PORT_FILE: portFile, PORT: String(this.port),
        DATABASE_URL: `sqlite:${join(directory, name)}.db`, ...variables } });
    await eventually(`${name} listens`, () => {
      if (this.#process.exitCode !== null) throw new Error(`${name} ended: ${readFileSync(join(directory, `${name}.log`))}`);
      return existsSync(portFile);
    });
    return this;
  }

  signal(name) { this.#process?.kill(name); }

  async stop(signal = 'SIGTERM') {
    if (!this.#process || this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    const ended = new Promise((resolve) => { this.#process.once('exit', resolve); });
    this.signal('SIGCONT');
    this.signal(signal);
    await ended;
  }
}

export class Pair {
  directory = mkdtempSync(join(tmpdir(), 'page-test.'));

  // The variables of invoice-app and of the provider. With `decide`, the provider is a fake that decides so.
  static async start({ invoiceApp = {}, provider = {}, decide } = {}) {
    const pair = new Pair();
    pair.provider = decide ? await startFakeProvider(decide) :
      await new Program('payment-provider', pair.directory, provider).start();
    pair.app = await new Program('invoice-app', pair.directory, {
      SEED_INVOICES: 'false', PAYMENT_PROVIDER_URL: pair.provider.url, ...invoiceApp }).start();
    return pair;
  }

  async stop() {
    await this.app?.stop();
    await this.provider?.stop('SIGKILL');
    rmSync(this.directory, { recursive: true });
  }

  async request(path, options) {
    const response = await fetch(`${this.app.url}${path}`, options);
    return { status: response.status, body: await response.json() };
  }

  // Each invoice is [id, value, currency].
  async add(...invoices) {
    const body = JSON.stringify(invoices.map(([InvoiceId, Value, Currency]) => ({ InvoiceId, Value, Currency })));
    const { status } = await this.request('/invoices', {
      method: 'POST', headers: { 'Content-Type': 'application/json' }, body });
    if (status !== 201) throw new Error(`POST /invoices: ${status}`);
  }

  pay(path = '/invoices/pay') { return this.request(path, { method: 'POST' }); }
}

// `decide` returns the status and the detail for a payment, or a promise of them.
async function startFakeProvider(decide) {
  const server = createServer(async (request, response) => {
    let body = '';
    for await (const chunk of request) body += chunk;
    const resultOf = async (payment) => (
      { id: payment.id, idempotencyKey: payment.idempotencyKey, ...await decide(payment) });
    const respond = (status, json) => {
      response.writeHead(status, { 'Content-Type': 'application/json' });
      response.end(JSON.stringify(json));
    };
    if (request.method !== 'POST') return respond(404, {});
    const payments = JSON.parse(body);
    if (Array.isArray(payments)) return respond(207, await Promise.all(payments.map(resultOf)));
    const result = await resultOf(payments);
    return respond(result.status, result);
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  return {
    url: `http://127.0.0.1:${server.address().port}`,
    stop: () => { server.close(); server.closeAllConnections(); } };
}
