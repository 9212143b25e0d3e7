// The page of invoice-app in Chromium, with the real programs.
//
// BIN_DIR has the programs. With SCREENSHOTS, pictures of the states go to that directory. Every test
// fails if a script fails, the content security policy is violated, or axe-core has a finding.

import assert from 'node:assert/strict';

import { checkLooks, refresh, tabTo } from './support/browser.mjs';
import { eventually } from './support/pair.mjs';
import { focused, idsOf, scenario, shows, showsIds } from './support/scenario.mjs';

const kInvoices = [['I1', 12.15, 'EUR'], ['I2', 10.25, 'GBP'], ['I3', 66.13, 'DKK']];

scenario('an empty list, and adding invoices with the keyboard alone', { failuresExpected: true }, async ({ page, pair, open }) => {
  await open();
  await shows(page, '#list-message', 'There are no invoices yet.');
  await shows(page, '#totals-message', 'There are no invoices yet.');
  await shows(page, '#provider', 'Provider: reachable');
  await checkLooks(page, 'empty');
  await page.click('#open-pay');
  await shows(page, '#confirm-text', 'There are no invoices. This pays those that are added meanwhile.');
  await page.click('#confirm-no');

  await tabTo(page, '#skip');
  await page.keyboard.press('Enter');
  assert.equal(await focused(page), 'list-heading');
  await tabTo(page, '#open-add', 'Shift+Tab');
  await page.keyboard.press('Enter');
  assert.equal(await focused(page), 'add-id');

  const type = async (id, value, currency) => {
    for (const [field, text] of [['add-id', id], ['add-value', value], ['add-currency', currency]]) {
      if (await focused(page) !== field) await tabTo(page, `#${field}`);
      await page.keyboard.press('Control+A');
      await page.keyboard.press('Delete');
      await page.keyboard.type(text);
    }
    await page.keyboard.press('Enter');
  };
  for (const [invoice, field, error] of [
    [['I 1', '12.15', 'EUR'], 'add-id', /^Invoice must be .*letters|^Invoice must be a string of 1 to 64/],
    [['I1', '12,15', 'EUR'], 'add-value', /^Value must be a number/],
    [['I1', '12.155', 'EUR'], 'add-value', /^Value must not have more than 2 decimals in EUR/],
    [['I1', '12.15', 'EURO'.slice(0, 2)], 'add-currency', /^Currency must be an active ISO 4217 code/]]) {
    await type(...invoice);
    await shows(page, `#${field}-error`, error);
    assert.equal(await focused(page), field);
    assert.equal(await page.getAttribute(`#${field}`, 'aria-invalid'), 'true');
  }
  await checkLooks(page, 'add-error');
  await type('I1', '999999999999.99', 'eur');
  await shows(page, '#add-note', 'Added I1: 999,999,999,999.99 EUR.');
  assert.equal(await focused(page), 'add-id');
  await type('I1', '999999999999.99', 'EUR');
  await shows(page, '#add-note', 'I1 exists already, with the same amount.');
  await type('I1', '1', 'EUR');
  await shows(page, '#add-id-error', 'This invoice exists with a different amount');
  await page.keyboard.press('Escape');
  assert.equal(await focused(page), 'open-add');
  await showsIds(page, ['I1']);
  await page.keyboard.press('Enter');
  await type('K1', '1234.50', 'EUR');
  await shows(page, '#add-note', 'Added K1: 1,234.50 EUR.');
  await checkLooks(page, 'added');
  await tabTo(page, '#add-note a', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await shows(page, '#detail-amount', '1,234.50 EUR');
  await page.keyboard.press('Escape');
  await eventually('the address is that of the list', () => new URL(page.url()).hash === '');
  assert.equal(await page.locator('#add').isHidden(), true);
  assert.equal((await pair.request('/invoices')).body.length, 2);
});

scenario('adding once while the server is slow', {}, async ({ page, open }) => {
  let answer;
  const answered = new Promise((resolve) => { answer = resolve; });
  await page.route(/invoices$/, async (route) => { await answered; await route.continue(); });
  await open();
  await page.click('#open-add');
  await page.fill('#add-id', 'I1');
  await page.fill('#add-value', '5');
  await page.fill('#add-currency', 'EUR');
  await page.dblclick('#add-submit');
  await page.fill('#add-id', 'I2');
  answer();
  await shows(page, '#add-note', 'Added I1: 5.00 EUR.');
  assert.equal(await page.inputValue('#add-id'), 'I2');
  assert.equal(await page.inputValue('#add-value'), '5');
});

scenario('a double click that opens an invoice, or the dialog of "Pay all", pays nothing', {}, async ({ page, pair, open }) => {
  await pair.add(...kInvoices);
  await page.addInitScript(() => { // so that the second click is always in time
    addEventListener('animationstart', ({ target }) => target.getAnimations().forEach((animation) => animation.pause()));
  });
  const clickTwice = async (first, button) => {
    await page.click(first);
    await eventually(`${button} is shown`, () => page.locator(button).evaluate((element) => element.getAnimations().length > 0));
    const { x, y, width, height } = await page.locator(button).boundingBox();
    await page.mouse.click(x + width / 2, y + height / 2);
  };
  const requests = [];
  page.on('request', (request) => { if (request.method() === 'POST') requests.push(new URL(request.url()).pathname); });
  await open();
  await clickTwice('#open-pay', '#confirm-yes');
  assert.equal(await page.locator('#confirm').isVisible(), true);
  await page.click('#confirm-no');
  await clickTwice('#list a >> text=I1', '#pay-one');
  assert.equal(await page.textContent('#pay-one-note'), '');
  await page.evaluate(() => document.getAnimations().forEach((animation) => animation.finish()));
  await page.click('#pay-one');
  await shows(page, '#pay-one-note', 'Paid.');
  assert.deepEqual(requests, ['/invoices/I1/pay']);
});

scenario('paying one invoice and all with the keyboard alone', {}, async ({ page, pair, open }) => {
  await pair.add(...kInvoices);
  await open();
  await showsIds(page, ['I1', 'I2', 'I3']);
  await tabTo(page, '#list tbody a[href*="I2"]');
  await page.keyboard.press('Enter');
  await shows(page, '#detail-amount', '10.25 GBP');
  assert.equal(await focused(page), 'detail-heading');
  await tabTo(page, '#pay-one');
  await page.keyboard.press('Enter');
  await shows(page, '#pay-one-note', 'Paid.');
  await shows(page, '#detail-status', 'Paid');
  await shows(page, '#history', /^Created\s.*\s1 attempt to pay\sPaid\s/);
  await checkLooks(page, 'detail-paid');
  await page.keyboard.press('Escape');
  await eventually('the link has the focus again', () => page.evaluate(() => document.activeElement.textContent === 'I2'));
  await eventually('the address is that of the list', () => new URL(page.url()).hash === '');
  await shows(page, '#list tbody tr:nth-child(2) .badge', 'Paid');

  await tabTo(page, '#open-pay', 'Shift+Tab');
  await page.keyboard.press('Enter');
  await shows(page, '#confirm-sums', /Unpaid\s+1 invoice\s+66\.13 DKK\s+Unpaid\s+1 invoice\s+12\.15 EUR/);
  await checkLooks(page, 'confirm');
  await tabTo(page, '#confirm-yes');
  await page.keyboard.press('Enter');
  await shows(page, '#run-note', '2 invoices paid.');
  await shows(page, '#run-counts', '2 paid, 0 refused, 0 pending');
  await shows(page, '#run-rate', '');
  await shows(page, '#totals tbody tr:nth-child(2)', /EUR[^]*12\.15\s1 invoice/);
  await checkLooks(page, 'all-paid');
  assert.ok((await pair.request('/invoices')).body.every((invoice) => invoice.IsPaid));
  await tabTo(page, '#run-hide');
  await page.keyboard.press('Enter');
  assert.equal(await focused(page), 'open-pay');
});

scenario('filters, links and the way back', { provider: { ACCEPTED_CURRENCIES: 'EUR,GBP' }, failuresExpected: true }, async ({ page, pair, open }) => {
  await pair.add(...kInvoices, ['I10', 5, 'EUR'], ['I11', 1234567.5, 'DKK']);
  await pair.pay();
  await pair.add(['I12', 7, 'JPY']);
  await open();
  await showsIds(page, ['I1', 'I2', 'I3', 'I10', 'I11', 'I12']);
  await shows(page, '#list-count', '6 of 6 invoices');
  await checkLooks(page, 'list');

  await tabTo(page, '#filter-status');
  await page.keyboard.type('R'); // one key: a browser forgets a slow word
  await showsIds(page, ['I3', 'I11']);
  await shows(page, '#list-count', '2 of 2 invoices');
  await tabTo(page, '#filter-prefix');
  await page.keyboard.type('I1');
  await showsIds(page, ['I11']);
  assert.equal(new URL(page.url()).hash, '#status=refused&prefix=I1');
  await page.keyboard.type('€');
  await shows(page, '#filter-error', 'An invoice has only A-Z a-z 0-9 . _ -');
  await page.keyboard.press('Backspace');
  await page.keyboard.type('9');
  await shows(page, '#list-message', 'No invoice matches.');
  await checkLooks(page, 'nothing-matches');
  await tabTo(page, '#filter-clear');
  await page.keyboard.press('Enter');
  await showsIds(page, ['I1', 'I2', 'I3', 'I10', 'I11', 'I12']);

  await page.click('#totals a[href="#status=refused&currency=DKK"]');
  await showsIds(page, ['I3', 'I11']);
  assert.equal(await page.inputValue('#filter-currency'), 'DKK');
  await page.click('#list a >> text=I11');
  await shows(page, '#detail-amount', '1,234,567.50 DKK');
  await shows(page, '#history', /Refused by the provider\s.*\spayments in DKK are not accepted$/s);
  await checkLooks(page, 'detail-refused');
  await page.goBack();
  await eventually('the detail is closed', () => page.locator('#detail').isHidden());
  await showsIds(page, ['I3', 'I11']);
  await page.goBack();
  await showsIds(page, ['I1', 'I2', 'I3', 'I10', 'I11', 'I12']);

  await open('#invoice=I3&status=refused');
  await page.reload();
  await shows(page, '#detail-heading', 'I3');
  await page.click('#pay-one');
  await shows(page, '#pay-one-note', 'The provider refused the payment, so this paid nothing. The history has the reason.');
  await shows(page, '#history', /2 attempts to pay/);
  await page.click('#detail-close');
  await showsIds(page, ['I3', 'I11']);
  await eventually('the address is that of the list', () => new URL(page.url()).hash === '#status=refused');
  await open('#invoice=I3&status=refused');
  await page.reload();
  await page.evaluate(() => { location.hash = '#invoice=I11&status=refused'; }); // as by hand
  await shows(page, '#detail-heading', 'I11');
  await page.click('#detail-close');
  await eventually('the address is that of the list', () => new URL(page.url()).hash === '#status=refused');

  await open();
  await showsIds(page, ['I1', 'I2', 'I3', 'I10', 'I11', 'I12']);
  await page.evaluate(() => { // before the filter is applied
    const status = document.getElementById('filter-status');
    status.value = 'refused';
    status.dispatchEvent(new Event('input', { bubbles: true }));
    document.querySelector('#list tbody a').click();
  });
  await shows(page, '#detail-heading', 'I1');
  assert.equal(new URL(page.url()).hash, '#invoice=I1&status=refused');
  await page.click('#detail-close');
  await showsIds(page, ['I3', 'I11']);
  assert.equal(await page.inputValue('#filter-status'), 'refused');
  await open('#status=nothing&prefix=I');
  await shows(page, '#list-message', /^The list cannot be read now: the query parameter status is /);
  assert.equal(await page.textContent('#filter-error'), '');

  await open('#invoice=nothing');
  await shows(page, '#detail-message', 'There is no such invoice.');
  await open('#invoice=..');
  await shows(page, '#detail-message', /^Browsers cannot ask for an invoice with this name\./);
});

scenario('a double click on "Next" turns one page', {}, async ({ page, pair, open }) => {
  await pair.add(...Array.from({ length: 120 }, (_, i) => [`N${100 + i}`, 1, 'EUR']));
  let answer;
  const answered = new Promise((resolve) => { answer = resolve; });
  await page.route(/cursor=/, async (route) => { await answered; await route.continue(); });
  await open();
  await shows(page, '#list-count', 'Page 1: 50 of 120 invoices');
  await page.dblclick('#next');
  answer();
  await eventually('page 2 is shown', async () => (await idsOf(page))[0] === 'N150');
  await shows(page, '#list-count', 'Page 2: 50 of 120 invoices');
  await page.click('#previous');
  await eventually('page 1 is shown', async () => (await idsOf(page))[0] === 'N100');
});

scenario('sums have all digits', {}, async ({ page, pair, open }) => {
  await pair.add(...Array.from({ length: 11 }, (_, i) => [`J${i}`, 999_999_999_999_999, 'JPY']));
  await open();
  await shows(page, '#totals tbody .sum', '10,999,999,999,999,989');
});

const kDetails = [
  '<img src=x onerror="document.title=1"><script>document.title = 1</script>',
  `"}]};alert(1)//\u202e${'x'.repeat(400)}`,
  'javascript:alert(1) &amp; {{1+1}} \u0007\n\tend'];

scenario('texts of the provider are only texts', {
  decide: ({ id }) => ({ status: 422, detail: kDetails[Number(id.at(-1))] }) }, async ({ page, pair, open }) => {
  await pair.add(['I0', 1, 'EUR'], ['I1', 2, 'EUR'], ['I2', 3, 'EUR'], [`${'x'.repeat(63)}2`, 999_999_999_999.99, 'EUR']);
  await pair.pay();
  await open();
  await shows(page, '#list tbody tr:nth-child(1) .reason', kDetails[0]);
  await checkLooks(page, 'hostile-list');
  await page.click('#list a >> text=I1');
  await eventually('the whole text is shown', async () =>
    (await page.locator('#history .reason').textContent()) === kDetails[1]);
  await checkLooks(page, 'hostile-detail');
  assert.equal(await page.title(), 'Invoices');
  assert.equal(await page.locator('body img, body script').count(), 0);
});

let decided = 0;
let decideAll;
const allDecided = new Promise((resolve) => { decideAll = resolve; });

scenario('a run shows its progress', { decide: async () => {
  if (++decided > 125) await allDecided; // the first batch is paid at once
  return { status: 200 };
} }, async ({ page, pair, open }) => {
  await pair.add(...Array.from({ length: 300 }, (_, i) => [`N${i}`, i + 0.5, 'EUR']));
  await open();
  await page.click('#open-pay');
  await page.click('#confirm-yes');
  await shows(page, '#run-counts', '125 paid, 0 refused, 175 pending');
  await shows(page, '#run-rate', /^ · \d+ per second$/);
  await checkLooks(page, 'progress');
  assert.equal(await page.getAttribute('#open-pay', 'aria-disabled'), 'true');
  decideAll();
  await shows(page, '#run-note', '300 invoices paid.');
});

scenario('100,000 invoices: opens at once, has pages, and is paid with progress', {}, async ({ page, pair, open }) => {
  const id = (i) => `N${String(i).padStart(6, '0')}`;
  for (let from = 0; from < 100_000; from += 10_000) {
    await pair.add(...Array.from({ length: 10_000 }, (_, i) => [id(from + i), (i % 9000) + 0.25, ['EUR', 'GBP', 'DKK', 'USD'][i % 4]]));
  }
  const openAfterChange = async (number) => {
    await pair.add([`more${number}`, 1, 'EUR']); // so that the server has to count again
    await page.goto('about:blank');
    const begin = performance.now();
    await open();
    await page.locator('#list tbody tr').nth(49).waitFor();
    await page.locator('#totals tbody tr').nth(3).waitFor();
    return performance.now() - begin;
  };
  const openMs = [await openAfterChange(1), await openAfterChange(2), await openAfterChange(3)];
  assert.ok(Math.min(...openMs) < 1000, `it took ${openMs} ms to open`); // other tests run meanwhile
  await shows(page, '#list-count', 'Page 1: 50 of 100,003 invoices');

  const turn = async (button, first) => {
    await eventually('the list is shown', async () => await page.getAttribute('#list', 'aria-busy') === 'false');
    const clicked = performance.now();
    await page.click(button);
    await eventually(`${first} is first`, async () => (await idsOf(page))[0] === first);
    return performance.now() - clicked;
  };
  // Of a list of 100 invoices, to compare with.
  const shortMs = [];
  await page.fill('#filter-prefix', id(0).slice(0, -2));
  await shows(page, '#list-count', 'Page 1: 50 invoices');
  for (let number = 1; number <= 3; ++number) {
    shortMs.push(await turn('#next', id(50)));
    await turn('#previous', id(0));
  }
  await page.fill('#filter-prefix', '');
  await shows(page, '#list-count', 'Page 1: 50 of 100,003 invoices');
  const turnMs = [];
  for (let number = 1; number <= 5; ++number) turnMs.push(await turn('#next', id(50 * number)));
  await shows(page, '#list-count', 'Page 6: 50 of 100,003 invoices');
  await checkLooks(page, 'page-6');
  await turn('#previous', id(200));
  await shows(page, '#list-count', 'Page 5: 50 of 100,003 invoices');
  await page.goBack();
  await eventually('the browser goes back a page', async () => (await idsOf(page))[0] === id(250));
  await turn('#previous', id(200));
  assert.ok(Math.min(...turnMs) < 3 * Math.max(...shortMs),
    `pages took ${turnMs} ms; those of a short list ${shortMs} ms`);

  await page.click('#open-pay');
  await shows(page, '#confirm-sums', /25,000 invoices/);
  await page.click('#confirm-yes');
  await shows(page, '#run-counts', /^[1-9][\d,]* paid, 0 refused, [1-9][\d,]* pending$/);
  await page.evaluate(() => scrollTo(0, 400));
  await page.focus('#filter-prefix');
  await page.keyboard.type(id(200).slice(0, 4));
  const scrolled = await page.evaluate(() => scrollY);
  await refresh(page);
  await eventually('the totals show paid invoices', () => page.locator('#totals a[href*="status=paid"]').first().isVisible());
  assert.equal(await page.inputValue('#filter-prefix'), id(200).slice(0, 4));
  assert.equal(await focused(page), 'filter-prefix');
  assert.ok(Math.abs(await page.evaluate(() => scrollY) - scrolled) < 300, 'it scrolled');
  await shows(page, '#run-note', '100,003 invoices paid.');
  console.log(`# opened in ${openMs.map(Math.round)} ms; pages in ${turnMs.map(Math.round)} ms, of a short list in ${shortMs.map(Math.round)} ms`);
});
