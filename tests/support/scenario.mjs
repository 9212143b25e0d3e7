// A test of the page: with programs, a tab of Chromium, and waiting for what the tab shows.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { launchBrowser, openPage } from './browser.mjs';
import { eventually, Pair } from './pair.mjs';

let browser;
before(async () => { browser = await launchBrowser(); });
after(() => browser?.close());

// `options` are those of the programs and of the tab, which is not open yet. With `decide`, the
// provider is a fake that decides so.
export function scenario(name, options, run) {
  test(name, async () => {
    const pair = await Pair.start(options);
    const page = await openPage(browser, options);
    try {
      await run({ page, pair, open: (fragment = '') => page.goto(`${pair.app.url}/${fragment}`) });
      assert.deepEqual(page.faults, []);
    } finally {
      await page.context().close();
      await pair.stop();
    }
  });
}

async function becomes(what, read, isWanted) {
  let last;
  await eventually(what, async () => isWanted(last = await read())).catch((error) => {
    throw new Error(`${error.message}; it is ${JSON.stringify(last)}`);
  });
}

export function shows(page, selector, text) {
  return becomes(`${selector} shows ${text}`, () => page.locator(selector).innerText(),
    (shown) => (typeof text === 'string' ? shown === text : text.test(shown)));
}

export const idsOf = (page) => page.locator('#list tbody th').allInnerTexts();

export function showsIds(page, ids) {
  return becomes(`the list shows ${ids}`, () => idsOf(page), (shown) => shown.join() === ids.join());
}

export const focused = (page) => page.evaluate(() => document.activeElement.id);
