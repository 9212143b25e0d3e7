// The page of invoice-app in Chromium while the provider, invoice-app or its database fail. As
// page_test.mjs.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';

import { checkLooks, refresh } from './support/browser.mjs';
import { eventually } from './support/pair.mjs';
import { scenario, shows, showsIds } from './support/scenario.mjs';

const kFailures = { failuresExpected: true };
const kInvoices = [['I1', 12.15, 'EUR'], ['I2', 10.25, 'GBP'], ['I3', 66.13, 'DKK']];

scenario('the provider hangs, and is back', { ...kFailures, invoiceApp: { PAY_WAIT_SECONDS: '1' } }, async ({ page, pair, open }) => {
  await pair.add(...kInvoices);
  await open('#invoice=I2');
  await shows(page, '#provider', 'Provider: reachable');
  pair.provider.signal('SIGSTOP');
  await page.click('#pay-one');
  await shows(page, '#pay-one-note', 'The provider has not confirmed the payment yet. It continues in the background.');
  await shows(page, '#provider', 'Provider: unreachable (no complete answer: timed out)');
  await shows(page, '#pay-one', 'Ask the provider again');
  await checkLooks(page, 'provider-hangs');
  pair.provider.signal('SIGCONT');
  await shows(page, '#pay-one-note', 'Paid.');
  await shows(page, '#detail-status', 'Paid');
  await shows(page, '#provider', 'Provider: reachable');
});

scenario('the provider is down, and is back', kFailures, async ({ page, pair, open }) => {
  await pair.add(...kInvoices);
  await pair.provider.stop('SIGKILL');
  await open('#invoice=I1');
  await page.click('#pay-one');
  await shows(page, '#pay-one-note', 'The provider cannot be used now. Payment continues by itself when it is back.');
  await shows(page, '#provider', "Provider: unreachable (can't connect)");
  await checkLooks(page, 'provider-down-detail');
  await page.click('#detail-close');
  await page.click('#open-pay');
  await page.click('#confirm-yes');
  await shows(page, '#run-note', 'The provider cannot be used now. Payment continues by itself when it is back.');
  await shows(page, '#run-counts', /3 pending/);
  await checkLooks(page, 'provider-down');
  await pair.provider.start();
  await shows(page, '#run-note', '3 invoices paid.');
  await shows(page, '#provider', 'Provider: reachable');
});

scenario('invoice-app stops and is killed during a run, and is back', kFailures, async ({ page, pair, open }) => {
  await pair.add(...kInvoices);
  await pair.provider.stop('SIGKILL');
  await open();
  await showsIds(page, ['I1', 'I2', 'I3']);
  const payAll = async () => {
    await page.click('#open-pay');
    await page.click('#confirm-yes');
    await shows(page, '#run-counts', /3 pending/);
  };
  await payAll();
  await pair.app.stop();
  await shows(page, '#run-note', 'This process of invoice-app stops. The payments continue in another one, or after the restart.');
  await refresh(page);
  await shows(page, '#banner', /^invoice-app does not respond\. This is as of /);
  await showsIds(page, ['I1', 'I2', 'I3']); // still
  await checkLooks(page, 'server-down');
  await page.click('#list a >> text=I1');
  await shows(page, '#detail-message', /The invoice cannot be read now: invoice-app does not respond/);
  await page.click('#detail-close');
  await page.click('#run-again');
  await shows(page, '#run-note', /^It is unknown whether the payments were requested: invoice-app does not respond\./);

  await pair.app.start();
  await refresh(page);
  await eventually('the banner is gone', () => page.locator('#banner').isHidden());
  await payAll();
  await pair.app.stop('SIGKILL');
  await shows(page, '#run-note', /^The connection broke\. The payments continue, at the latest when invoice-app is back/);
  await checkLooks(page, 'connection-broke');
  await pair.provider.start();
  await pair.app.start();
  await page.click('#run-again');
  await shows(page, '#run-note', /^(\d invoices? paid|No invoice was due)\.$/);
  assert.ok((await pair.request('/invoices')).body.every((invoice) => invoice.IsPaid));
});

scenario('the database fails, and a proxy responds instead', kFailures, async ({ page, pair, open }) => {
  await pair.add(...kInvoices);
  const problem = { status: 503, contentType: 'application/problem+json', headers: { 'Retry-After': '1' },
    body: '{"type":"about:blank","status":503,"detail":"the service can\'t do this now; its log has the reason"}' };
  const proxyPage = { status: 502, contentType: 'text/html', body: '<h1>Bad gateway</h1>' };
  await page.route(/summary|invoices/, (route) => route.fulfill(problem));
  await open();
  await shows(page, '#list-message', "The list cannot be read now: the service can't do this now; its log has the reason.");
  await shows(page, '#totals-message', /^The totals cannot be read now/);
  await checkLooks(page, 'database-fails');
  await page.click('#open-pay');
  await shows(page, '#confirm-text', 'This requests the payment of all invoices that are not paid. The totals are not known now.');
  await page.unroute(/summary|invoices/);
  await refresh(page);
  await shows(page, '#confirm-text', 'This requests the payment of all invoices that are not paid:');
  await shows(page, '#confirm-sums', /12\.15 EUR/);
  await page.click('#confirm-no');
  await showsIds(page, ['I1', 'I2', 'I3']);

  await page.route(/summary|invoices/, (route) => route.fulfill(proxyPage));
  await refresh(page);
  await shows(page, '#list-message', 'The list cannot be read now: a proxy responds instead of invoice-app, with HTTP 502.');
  await showsIds(page, ['I1', 'I2', 'I3']); // still
  await page.click('#list a >> text=I1');
  await page.unroute(/summary|invoices/);
  await refresh(page);
  await page.route(/pay$/, (route) => route.fulfill(problem));
  await page.click('#pay-one');
  await shows(page, '#pay-one-note', /^It is unknown whether the payment was requested: .* Try again; no invoice is paid twice\.$/);
  await page.click('#detail-close');
  await page.click('#open-pay');
  await page.click('#confirm-yes');
  await shows(page, '#run-note', /^It is unknown whether the payments were requested/);
  await page.unroute(/pay$/);
  await page.route(/pay$/, (route) => route.fulfill({ status: 403, contentType: 'text/html', body: '<h1>No</h1>' }));
  await page.click('#run-again');
  await shows(page, '#run-note', /^The payments were not requested, so nothing was paid/);
});

let isRefused = true;

scenario('a note about a payment goes when it is no longer true', { ...kFailures,
  decide: () => (isRefused ? { status: 422, detail: 'no' } : { status: 200 }) }, async ({ page, pair, open }) => {
  await pair.add(kInvoices[0]);
  await open('#invoice=I1');
  await page.route(/pay$/, (route) => route.fulfill({ status: 202, json: {} }));
  await page.click('#pay-one');
  await shows(page, '#pay-one-note', /^The provider has not confirmed the payment yet/);
  await page.unroute(/pay$/);
  await pair.pay('/invoices/I1/pay');
  await refresh(page);
  await shows(page, '#detail-status', 'Refused');
  await shows(page, '#pay-one-note', '');
  await page.click('#pay-one');
  await shows(page, '#pay-one-note', /^The provider refused the payment/);
  isRefused = false;
  await pair.pay('/invoices/I1/pay');
  await refresh(page);
  await shows(page, '#pay-one-note', 'Paid.');
});

scenario('the check of the provider is slow', {}, async ({ page, pair, open }) => {
  await pair.add(kInvoices[0]);
  await page.route(/provider$/, () => {});
  await open();
  await showsIds(page, ['I1']);
  await pair.add(kInvoices[1]);
  await showsIds(page, ['I1', 'I2']); // after some seconds
  await shows(page, '#provider', 'Provider: unknown');
  assert.equal(await page.locator('#banner').isHidden(), true);
});

scenario('more windows pay than the browser has connections', kFailures, async ({ page, pair, open }) => {
  await pair.add(...kInvoices);
  await pair.provider.stop('SIGKILL');
  await open();
  for (let number = 1; number <= 7; ++number) {
    const window = await page.context().newPage();
    await window.goto(pair.app.url);
    await showsIds(window, ['I1', 'I2', 'I3']);
    await window.click('#open-pay');
    await window.click('#confirm-yes');
    await shows(window, '#run-note', number <= 3 ? /^The provider cannot be used now\./ :
      'Payment continues in the background. Other windows show its progress.');
  }
});

scenario('the page refreshes itself, but not while it is hidden', {}, async ({ page, pair, open }) => {
  const ofOneRefresh = ['/invoices', '/provider', '/summary'];
  const requests = [];
  let responses = 0;
  const pathOf = (request) => new URL(request.url()).pathname;
  page.on('request', (request) => { if (ofOneRefresh.includes(pathOf(request))) requests.push(pathOf(request)); });
  page.on('requestfinished', (request) => { if (ofOneRefresh.includes(pathOf(request))) ++responses; });
  const asked = (times) => eventually(`${times} requests have responses`,
    () => requests.length >= times && responses === requests.length);
  await pair.add(kInvoices[0]);
  await open();
  await showsIds(page, ['I1']);
  await asked(3);
  await pair.add(kInvoices[1]);
  await showsIds(page, ['I1', 'I2']); // after some seconds
  await asked(6);
  assert.deepEqual(requests.slice(-3).sort(), ofOneRefresh);

  const hide = (hidden) => page.evaluate((value) => {
    Object.defineProperty(document, 'hidden', { value, configurable: true });
    document.dispatchEvent(new Event('visibilitychange'));
  }, hidden);
  await page.clock.install();
  await hide(false);
  await asked(9);
  await hide(true);
  const before = requests.length;
  await page.clock.runFor(60_000);
  assert.equal(requests.length, before);
  await hide(false);
  await asked(before + 3);
});

scenario('another site cannot pay', kFailures, async ({ page, pair }) => {
  await pair.add(...kInvoices);
  const site = createServer((_, response) => response.end('<!doctype html><title>Another site</title>'));
  await new Promise((resolve) => { site.listen(0, '127.0.0.1', resolve); });
  try {
    // Browsers send Sec-Fetch-Site to 127.0.0.1, but to no other address without TLS.
    for (const [from, to] of [['localhost', '127.0.0.1'], ['other.test', 'invoices.test']]) {
      await page.goto(`http://${from}:${site.address().port}/`);
      const refused = page.waitForResponse(/invoices\/pay/);
      await page.evaluate((url) => fetch(url, { method: 'POST', mode: 'no-cors' }).catch(() => {}),
        `${pair.app.url.replace('127.0.0.1', to)}/invoices/pay`);
      assert.equal((await refused).status(), 403, to);
    }
    assert.ok((await pair.request('/invoices')).body.every((invoice) => !invoice.IsPaid));
  } finally {
    site.close();
    site.closeAllConnections();
  }
});
