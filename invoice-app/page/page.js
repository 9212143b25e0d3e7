// The page of invoice-app: shows invoices and pays them, with the public API of invoice-app.
//
// The fragment of the address says what is shown, so that links and Back work. Texts of the server
// are only shown as text. Numbers are kept as text, because sums may have more digits than a double.

const kRefreshMs = 5_000;
const kCallMs = 10_000;
const kPayOneMs = 330_000; // longer than the longest PAY_WAIT_SECONDS
const kSilenceMs = 45_000; // the server sends something at least every 15 s
const kTypingMs = 250;
const kAnnounceMs = 5_000;
const kRowsPerPage = 50;
const kWatchingWindows = 3; // browsers keep 6 connections to a server for all their windows

const kStatuses = { unpaid: 'Unpaid', sending: 'Being paid', paid: 'Paid', refused: 'Refused' };
const kPending = ['unpaid', 'sending'];
const kPayTexts = { sending: 'Ask the provider again', refused: 'Retry the payment' };
const kViewNames = ['invoice', 'status', 'currency', 'prefix', 'cursor', 'page'];
const kIdsWithoutAddress = ['.', '..']; // browsers remove such a segment from an address, also as %2E

// ---- Elements ----

const $ = (id) => document.getElementById(id);

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

// Screen readers speak a text whenever it is set, so it is only set if it differs. It may have links.
function setText(id, ...content) {
  const text = content.map((part) => part.textContent ?? part).join('');
  if ($(id).textContent !== text) $(id).replaceChildren(...content);
}

function showIf(id, condition) {
  $(id).hidden = !condition;
}

// A message, or the content instead of it.
function showMessage(name, text) {
  setText(`${name}-message`, text);
  showIf(`${name}-message`, text !== '');
}

function note(id, kind, ...content) {
  $(id).dataset.kind = kind;
  setText(id, ...content);
}

// Unlike `disabled`, keeps the keyboard's focus.
function setEnabled(id, enabled) {
  $(id).setAttribute('aria-disabled', String(!enabled));
}

const isEnabled = (id) => $(id).getAttribute('aria-disabled') !== 'true';

function onClick(id, run) {
  $(id).addEventListener('click', () => { if (isEnabled(id)) run(); });
}

// ---- Texts ----

// "1234567.50" as "1,234,567.50".
function grouped(number) {
  const [whole, ...decimals] = String(number).split('.');
  return [whole.replace(/\B(?=(\d{3})+$)/g, ','), ...decimals].join('.');
}

function counted(number, noun) {
  return `${grouped(number)} ${noun}${String(number) === '1' ? '' : 's'}`;
}

const amount = (invoice) => `${grouped(invoice.Value)} ${invoice.Currency}`;

const timeFormat = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium', timeStyle: 'medium' });

function time(text) {
  if (!text) return '';
  return element('time', { datetime: text, title: text }, timeFormat.format(new Date(text)));
}

function statusBadge(status) {
  return element('span', { class: 'badge', 'data-status': status }, kStatuses[status] ?? status);
}

// ---- Calls ----

// JSON whose numbers are kept as texts.
function parseJson(text) {
  const tokens = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;
  return JSON.parse(text.replace(tokens, (token) => (token[0] === '"' ? token : `"${token}"`)));
}

// The status and the body; status 0 if there is no complete response. The page of a proxy has no body.
async function read(response) {
  const isJson = /json/.test(response.headers.get('Content-Type'));
  if (!isJson && response.ok) return { status: 0, body: {} };
  return { status: response.status, body: isJson ? parseJson(await response.text()) : {},
    link: response.headers.get('Link') ?? '' };
}

let lastResponse = new Date();

// Asks the server even if the browser has a response, which Back would show.
async function call(path, { timeout = kCallMs, ...options } = {}) {
  try {
    const response = await read(await fetch(path, {
      cache: 'no-cache', ...options, signal: AbortSignal.timeout(timeout) }));
    if (response.status !== 0) lastResponse = new Date();
    return response;
  } catch {
    return { status: 0, body: {} };
  }
}

function why({ status, body }) {
  if (status === 0) return 'invoice-app does not respond';
  return body.detail ?? `a proxy responds instead of invoice-app, with HTTP ${status}`;
}

// A reason of invoice-app begins with the provider's status: "HTTP 422: payments in DKK are not accepted".
function withoutStatus(reason) {
  return reason.replace(/^HTTP \d+: /, '').replace(/^HTTP \d+$/, 'no reason given, $&');
}

// ---- What is shown: the view ----

function readView({ hash } = location) {
  const parameters = new URLSearchParams(hash.slice(1));
  return Object.fromEntries(kViewNames.map((name) => [name, parameters.get(name) ?? '']));
}

function fragmentOf(view) {
  const parts = kViewNames.filter((name) => view[name]).map((name) => [name, view[name]]);
  return `#${new URLSearchParams(parts)}`;
}

const listOf = (view) => fragmentOf({ ...view, invoice: '' });

function go(changes) {
  location.hash = fragmentOf({ ...readView(), ...changes });
}

// ---- Totals ----

let totals = [];
let areTotalsKnown = false;

async function refreshTotals() {
  const response = await call('summary');
  areTotalsKnown = response.status === 200;
  showTotals(response);
  showDue();
}

function showTotals(response) {
  if (response.status === 0 && totals.length) return; // the banner says it
  if (response.status !== 200) {
    return showMessage('totals', `The totals cannot be read now: ${why(response)}.`);
  }
  totals = response.body;
  const currencies = [...new Set(totals.map((total) => total.Currency))];
  showMessage('totals', currencies.length ? '' : 'There are no invoices yet.');
  showIf('totals', currencies.length > 0);
  const rows = currencies.map((currency) => [currency, totals.filter((t) => t.Currency === currency)]);
  updateRows($('totals'), rows, ([currency]) => currency, totalsCells);
  showCurrencies(currencies);
  showCount();
}

function totalsCells([currency, totalsOfCurrency]) {
  const cells = Object.entries(kStatuses).map(([status, name]) => {
    const total = totalsOfCurrency.find((t) => t.Status === status) ?? { Count: '0', Sum: '0' };
    return total.Count === '0' ? element('td', { role: 'cell', class: 'number zero' }, '0') :
      element('td', { role: 'cell', class: 'number', 'data-label': name }, totalLink(total));
  });
  return [element('th', { role: 'rowheader', scope: 'row' }, currency), ...cells];
}

// There is no sum if the server does not know the decimals of the currency.
const sumOf = (total) => (total.Sum === undefined ? 'sum unknown,' : grouped(total.Sum));

function totalLink(total) {
  return element('a', { href: fragmentOf({ status: total.Status, currency: total.Currency }) },
    element('span', { class: 'sum' }, sumOf(total)),
    ' ',
    element('span', { class: 'count' }, counted(total.Count, 'invoice')));
}

function showCurrencies(currencies) {
  const select = $('filter-currency');
  const values = ['', ...new Set([...currencies, readView().currency].filter(Boolean))];
  if (values.join() === [...select.options].map((option) => option.value).join()) return;
  const selected = readView().currency;
  select.replaceChildren(...values.map((value) => element('option', { value }, value || 'All')));
  select.value = selected;
  $('currencies').replaceChildren(...currencies.map((value) => element('option', { value })));
}

// ---- The list ----

const pageBefore = new Map(); // the fragment of a page, to that of the page before
let shown = { list: '', rows: 0, next: '' };

// Makes the rows of a table those of the elements. Rows that stay are not moved, and links keep the focus.
function updateRows(table, elements, keyOf, cellsOf) {
  const [body] = table.tBodies;
  const old = new Map([...body.rows].map((row) => [row.dataset.key, row]));
  const keys = new Set(elements.map(keyOf));
  for (const [key, row] of old) if (!keys.has(key)) row.remove();
  let next = body.firstElementChild;
  for (const data of elements) {
    const row = old.get(keyOf(data)) ?? element('tr', { role: 'row', 'data-key': keyOf(data) });
    if (row === next) next = next.nextElementSibling;
    else body.insertBefore(row, next);
    const content = JSON.stringify(data);
    if (row.dataset.content === content) continue;
    row.dataset.content = content;
    const focused = [...row.querySelectorAll('a')].indexOf(document.activeElement);
    row.replaceChildren(...cellsOf(data));
    row.querySelectorAll('a')[focused]?.focus();
  }
}

function listPath({ status, currency, prefix, cursor }) {
  const parts = Object.entries({ status, currency, prefix, cursor }).filter(([, value]) => value);
  return `invoices?${new URLSearchParams([['limit', kRowsPerPage], ...parts])}`;
}

async function refreshList() {
  const view = readView();
  const list = listOf(view);
  $('list').setAttribute('aria-busy', String(list !== shown.list));
  const response = await call(listPath(view));
  if (list !== listOf(readView())) return; // another list is loading
  const isPrefixWrong = response.status === 400 && Boolean(response.body.detail?.startsWith('the query parameter prefix '));
  setText('filter-error', isPrefixWrong ? 'An invoice has only A-Z a-z 0-9 . _ -' : '');
  if (response.status === 200) return showList(view, response);
  if (response.status === 0 && list === shown.list) return; // the banner says it
  showMessage('list', isPrefixWrong ? '' : `The list cannot be read now: ${why(response)}.`);
  if (list !== shown.list) showRows(view, [], '');
}

function showList(view, { body: invoices, link }) {
  const isFiltered = view.status || view.currency || view.prefix || view.cursor;
  showMessage('list', invoices.length ? '' : isFiltered ? 'No invoice matches.' : 'There are no invoices yet.');
  showRows(view, invoices, /[?&]cursor=([^&>]+)/.exec(link)?.[1] ?? '');
}

function showRows(view, invoices, next) {
  shown = { list: listOf(view), rows: invoices.length, next };
  showIf('list', invoices.length > 0);
  $('list').setAttribute('aria-busy', 'false');
  const rows = invoices.map((invoice) => [invoice, fragmentOf({ ...view, invoice: invoice.InvoiceId })]);
  updateRows($('list'), rows, ([invoice]) => invoice.InvoiceId, invoiceCells);
  setEnabled('previous', view.cursor !== '');
  setEnabled('next', next !== '');
  showCount();
}

function invoiceCells([invoice, href]) {
  const status = element('td', { role: 'cell', 'data-label': 'Status' }, statusBadge(invoice.Status));
  if (invoice.Refusal) status.append(element('span', { class: 'reason' }, withoutStatus(invoice.Refusal)));
  return [
    element('th', { role: 'rowheader', scope: 'row' }, element('a', { href }, invoice.InvoiceId)),
    status,
    element('td', { role: 'cell', 'data-label': 'Created' }, time(invoice.CreatedAt)),
    element('td', { role: 'cell', 'data-label': 'Amount', class: 'number' }, amount(invoice))];
}

// Only the totals know how many invoices there are, and they know no prefixes.
function showCount() {
  const { status, currency, prefix, cursor, page } = readView();
  const matching = totals.filter((total) => (!status || total.Status === status) &&
    (!currency || total.Currency === currency));
  const all = matching.reduce((sum, total) => sum + Number(total.Count), 0);
  const count = prefix || all < shown.rows ? counted(shown.rows, 'invoice') :
    `${grouped(shown.rows)} of ${counted(all, 'invoice')}`;
  const number = !cursor && shown.next ? 1 : Number(page);
  setText('list-count', shown.rows === 0 ? '' : number ? `Page ${grouped(number)}: ${count}` : count);
}

function showNextPage() {
  const view = readView();
  if (listOf(view) !== shown.list) return; // what is next is not known yet
  const next = { ...view, cursor: shown.next, page: (Number(view.page) || 1) + 1 };
  pageBefore.set(listOf(next), listOf(view));
  go(next);
}

function showPreviousPage() {
  location.hash = pageBefore.get(listOf(readView())) ?? fragmentOf({ ...readView(), cursor: '', page: '' });
}

let typing = 0;

function filterTyped() {
  clearTimeout(typing);
  typing = setTimeout(filterChanged, kTypingMs);
}

function forgetTyped() {
  clearTimeout(typing);
  typing = 0;
}

// Replaces the entry of the history, so that Back does not undo letter by letter.
function filterChanged() {
  forgetTyped();
  const filter = Object.fromEntries(new FormData($('filter')));
  const view = readView();
  if (fragmentOf(filter) === listOf(view)) return;
  history.replaceState(history.state, '', fragmentOf({ ...filter, invoice: view.invoice }));
  for (const link of $('list').querySelectorAll('tbody a')) {
    link.setAttribute('href', fragmentOf({ ...filter, invoice: link.textContent }));
  }
  refreshList();
}

function showFilter({ status, currency, prefix }) {
  showCurrencies([...new Set(totals.map((total) => total.Currency))]);
  $('filter-status').value = status;
  $('filter-currency').value = currency;
  if ($('filter-prefix').value !== prefix) $('filter-prefix').value = prefix;
}

// ---- One invoice ----

function showDetail() {
  const { invoice } = readView();
  const dialog = $('detail');
  if (!invoice) return dialog.close();
  if ($('detail-heading').textContent !== invoice) {
    setText('detail-heading', invoice);
    showIf('detail-body', false);
    showMessage('detail', 'Loading…');
    notePayment();
    setEnabled('pay-one', true);
  }
  $('add').close(); // it has a link to the invoice that it added
  if (!dialog.open) dialog.showModal();
  refreshDetail();
}

// The focus goes back to the link that opened the dialog. The browser does that only if its row was not
// made anew meanwhile.
function detailClosed() {
  const id = $('detail-heading').textContent;
  const row = [...$('list').tBodies[0].rows].find(({ dataset }) => dataset.key === id);
  (row?.querySelector('a') ?? $('list-heading')).focus();
  setText('detail-heading', '');
  if (!readView().invoice) return;
  if (history.state?.isOverList) return history.back();
  history.replaceState(history.state, '', listOf(readView()));
}

async function refreshDetail() {
  const id = readView().invoice;
  if (!id) return;
  if (kIdsWithoutAddress.includes(id)) {
    return showMessage('detail', 'Browsers cannot ask for an invoice with this name. The list shows it; "Pay all" pays it.');
  }
  const noteThen = paymentNote;
  const response = await call(`invoices/${encodeURIComponent(id)}`);
  if (id !== readView().invoice || noteThen !== paymentNote) return; // it was asked again meanwhile
  if (response.status === 200) return fillDetail(response.body);
  showMessage('detail', response.status === 404 ? 'There is no such invoice.' :
    `The invoice cannot be read now: ${why(response)}.`);
}

function fillDetail(invoice) {
  showMessage('detail', '');
  showIf('detail-body', true);
  setText('detail-amount', amount(invoice));
  $('detail-status').replaceChildren(statusBadge(invoice.Status));
  if (!paymentNote.statuses.includes(invoice.Status)) {
    notePayment(...(invoice.Status === 'paid' ? ['good', 'Paid.'] : []));
  }
  setText('pay-one', kPayTexts[invoice.Status] ?? `Pay ${amount(invoice)}`);
  if (invoice.Status === 'paid' && document.activeElement === $('pay-one')) $('detail-heading').focus();
  showIf('pay-one', invoice.Status !== 'paid');
  $('history').replaceChildren(...historyOf(invoice));
}

function historyOf(invoice) {
  const step = (kind, title, at, text) => element('li', { 'data-status': kind },
    element('strong', {}, title), ' ', at,
    ...(text ? [element('p', { class: 'reason' }, text)] : []));
  const when = (at) => (at ? time(at) : element('span', { class: 'none' }, 'time not recorded'));
  const { Status: status, Attempts: attempts } = invoice;
  const steps = [step('created', 'Created', when(invoice.CreatedAt))];
  if (attempts !== '0') steps.push(step('sending', `${counted(attempts, 'attempt')} to pay`, ''));
  if (status === 'refused') {
    steps.push(step('refused', 'Refused by the provider', when(invoice.RefusedAt), withoutStatus(invoice.Refusal)));
  }
  if (status === 'paid') steps.push(step('paid', 'Paid', when(invoice.PaidAt)));
  if (status === 'sending') steps.push(step('sending', 'The provider has not confirmed the payment yet', ''));
  return steps;
}

let paymentNote;

// A note contradicts an invoice with another status than these.
function notePayment(kind = '', text = '', statuses = Object.keys(kStatuses)) {
  paymentNote = { statuses };
  note('pay-one-note', kind, text);
}

async function payOne() {
  const id = readView().invoice;
  const { status } = $('detail-status').firstChild.dataset;
  setEnabled('pay-one', false);
  notePayment('', 'Paying…');
  const response = await call(`invoices/${encodeURIComponent(id)}/pay`, { method: 'POST', timeout: kPayOneMs });
  if (id === readView().invoice) {
    setEnabled('pay-one', true);
    notePayment(...explainPayment(response, status));
  }
  refresh();
}

// The kind of the note, its text, and the statuses that it fits.
function explainPayment(response, statusBefore) {
  const { status, body } = response;
  if (status === 200) return ['good', 'Paid.'];
  if (status === 202) {
    return ['wait', 'The provider has not confirmed the payment yet. It continues in the background.', kPending];
  }
  if (body.type === 'urn:problem:payment-refused') {
    return ['bad', 'The provider refused the payment, so this paid nothing. The history has the reason.', ['refused']];
  }
  if (body.type === 'urn:problem:provider-unavailable') {
    return ['wait', 'The provider cannot be used now. Payment continues by itself when it is back.', kPending];
  }
  if (status === 0 || status >= 500) {
    return ['bad', `It is unknown whether the payment was requested: ${why(response)}. ` +
      'Try again; no invoice is paid twice.', [statusBefore]];
  }
  return ['bad', `The payment was not requested, so nothing was paid: ${why(response)}.`, [statusBefore]];
}

// ---- Add an invoice ----

const addFields = { InvoiceId: 'add-id', Value: 'add-value', Currency: 'add-currency' };

function openAdd() {
  $('add-form').reset();
  showAddErrors();
  note('add-note', '', '');
  $('add').showModal();
}

function showAddErrors(errors = {}) {
  for (const [name, id] of Object.entries(addFields)) {
    setText(`${id}-error`, errors[name] ?? '');
    $(id).setAttribute('aria-invalid', String(name in errors));
  }
  const [first] = Object.keys(errors);
  if (first) $(addFields[first]).focus();
}

// As JSON. The value goes as it was typed, so that no digit is lost.
function typedInvoice() {
  const [id, value, currency] = Object.values(addFields).map((field) => $(field).value.trim());
  const isNumber = /^-?(0|[1-9]\d*)(\.\d+)?$/.test(value);
  return `{"InvoiceId":${JSON.stringify(id)},"Value":${isNumber ? value : JSON.stringify(value)},` +
    `"Currency":${JSON.stringify(currency.toUpperCase())}}`;
}

async function addInvoice(event) {
  event.preventDefault();
  if (!isEnabled('add-submit')) return;
  const typed = typedInvoice();
  setEnabled('add-submit', false);
  showAddErrors();
  note('add-note', '', 'Adding…');
  const response = await call('invoices', {
    method: 'POST', headers: { 'Content-Type': 'application/json' }, body: typed });
  setEnabled('add-submit', true);
  const isNextTyped = typedInvoice() !== typed;
  note('add-note', ...explainAddition(response, isNextTyped));
  if (!isNextTyped && response.status === 201) {
    $('add-id').value = $('add-value').value = '';
    $('add-id').focus();
  } else if (!isNextTyped) {
    showAddErrors(addErrors(response));
  }
  refresh();
}

// The detail begins with the member that is wrong.
function addErrors({ status, body }) {
  if (status === 409) return { InvoiceId: 'This invoice exists with a different amount' };
  const name = status === 400 && Object.keys(addFields).find((member) => body.detail?.startsWith(`${member} `));
  return name ? { [name]: body.detail.replace(name, name === 'InvoiceId' ? 'Invoice' : name) } : {};
}

function explainAddition(response, isNextTyped) {
  const { InvoiceId: id } = response.body;
  const link = () => element('a', { href: fragmentOf({ ...readView(), invoice: id }) }, id);
  if (response.status === 201) return ['good', 'Added ', link(), `: ${amount(response.body)}.`];
  if (response.status === 200) return ['wait', link(), ' exists already, with the same amount.'];
  if (Object.keys(addErrors(response)).length > 0) {
    return isNextTyped ? ['bad', `The invoice before was not added: ${why(response)}.`] : ['', ''];
  }
  return ['bad', `The invoice may not have been added: ${why(response)}. Try again; it is not added twice.`];
}

// ---- Pay all ----

function openConfirm() {
  showDue();
  $('confirm').showModal();
}

function explainDue(due) {
  if (!areTotalsKnown) return 'This requests the payment of all invoices that are not paid. The totals are not known now.';
  if (due.length) return 'This requests the payment of all invoices that are not paid:';
  return `${totals.length ? 'All invoices are paid' : 'There are no invoices'}. This pays those that are added meanwhile.`;
}

function showDue() {
  const due = areTotalsKnown ? totals.filter(({ Status: status, Count: count }) => status !== 'paid' && count !== '0') : [];
  setText('confirm-text', explainDue(due));
  $('confirm-sums').replaceChildren(...due.map((total) => element('li', {},
    statusBadge(total.Status), ' ', counted(total.Count, 'invoice'), ' ',
    element('strong', {}, `${sumOf(total)} ${total.Currency}`))));
}

async function payAll() {
  $('confirm').close();
  showIf('run', true);
  for (const id of ['run-refused', 'run-again', 'run-hide']) showIf(id, false);
  setEnabled('open-pay', false);
  $('run-bar').removeAttribute('value');
  setText('run-counts', '');
  note('run-note', '', 'Paying…');
  $('run-heading').focus();
  const [kind, text, canWatch] = await watchRun();
  setText('run-rate', '');
  note('run-note', kind, text);
  showIf('run-again', canWatch);
  showIf('run-hide', true);
  setEnabled('open-pay', true);
  refresh();
}

// In few windows, each with a lock, if the browser has locks: it has them for HTTPS and localhost.
function watchRun(window = kWatchingWindows) {
  if (!navigator.locks) return requestRun(true);
  return navigator.locks.request(`watch-${window}`, { ifAvailable: true }, (lock) => (
    lock || window === 1 ? requestRun(Boolean(lock)) : watchRun(window - 1)));
}

// How the run, or its stream, has ended: the kind of the note, its text, and whether it makes sense to
// send the request again.
async function requestRun(canWatch) {
  const silence = new AbortController();
  let silenceTimer = 0;
  const heard = () => {
    clearTimeout(silenceTimer);
    silenceTimer = setTimeout(() => silence.abort(), kSilenceMs);
  };
  heard();
  let hasBegun = false;
  try {
    const response = await fetch('invoices/pay', {
      method: 'POST', headers: { Accept: 'text/event-stream' }, signal: silence.signal });
    if (!response.ok) return explainNoRun(await read(response));
    for await (const { event, report } of readEvents(response.body, heard)) {
      hasBegun = true;
      showProgress(report);
      if (event === 'end') return explainEnd(report);
      if (!canWatch) return ['wait', 'Payment continues in the background. Other windows show its progress.', true];
    }
  } catch { /* as without an end */ } finally {
    clearTimeout(silenceTimer);
    silence.abort();
  }
  if (!hasBegun) return explainNoRun({ status: 0 });
  return ['bad', 'The connection broke. The payments continue, at the latest when invoice-app is back; the totals show them. ' +
    'To watch, pay again: no invoice is paid twice.', true];
}

function explainNoRun(response) {
  if (response.status >= 400 && response.status < 500) {
    return ['bad', `The payments were not requested, so nothing was paid: ${why(response)}.`, true];
  }
  return ['bad', `It is unknown whether the payments were requested: ${why(response)}. ` +
    'Pay again: no invoice is paid twice.', true];
}

// The events of https://html.spec.whatwg.org/multipage/server-sent-events.html, as the server sends them.
async function* readEvents(stream, heard) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let text = '';
  while (true) {
    const { done, value } = await reader.read();
    if (done) return;
    heard();
    const blocks = (text + value).split('\n\n');
    text = blocks.pop();
    for (const block of blocks) {
      const [, event, data] = /^event: (.*)\ndata: (.*)$/.exec(block) ?? [];
      if (event) yield { event, report: parseJson(data) };
    }
  }
}

function showProgress({ Paid: paid, Refused: refused, Pending: pending, Rate: rate, ProviderUnavailable: failure }) {
  const done = Number(paid) + Number(refused);
  $('run-bar').max = Math.max(done + Number(pending), 1);
  $('run-bar').value = pending === '0' ? $('run-bar').max : done;
  const counts = `${grouped(paid)} paid, ${grouped(refused)} refused, ${grouped(pending)} pending`;
  setText('run-counts', counts);
  setText('run-rate', ` · ${grouped(rate)} per second`);
  announceProgress(counts);
  note('run-note', ...(failure ?
    ['wait', 'The provider cannot be used now. Payment continues by itself when it is back.'] : ['', 'Paying…']));
  showIf('run-refused', refused !== '0');
}

let announcedAt = 0;

function announceProgress(counts) {
  if (Date.now() - announcedAt < kAnnounceMs) return;
  announcedAt = Date.now();
  setText('announcer', counts);
}

function explainEnd({ End: end, Paid: paid, Refused: refused }) {
  if (end === 'stopping') {
    return ['wait', 'This process of invoice-app stops. The payments continue in another one, or after the restart.', true];
  }
  if (refused !== '0') {
    return ['bad', `${counted(paid, 'invoice')} paid. The provider refused ${grouped(refused)}.`, false];
  }
  return ['good', paid === '0' ? 'No invoice was due.' : `${counted(paid, 'invoice')} paid.`, false];
}

// ---- The provider ----

let isProviderAsked = false;

async function refreshProvider() {
  if (isProviderAsked) return; // a check of the provider may be slow
  isProviderAsked = true;
  const { status, body } = await call('provider');
  isProviderAsked = false;
  const state = status === 200 ? body.Status : 'unknown';
  $('provider').dataset.state = state;
  setText('provider', `Provider: ${state}${body.Detail && state !== 'unknown' ? ` (${withoutStatus(body.Detail)})` : ''}`);
}

function showConnection(isUp) {
  showIf('banner', !isUp);
  setText('banner', isUp ? '' : `invoice-app does not respond. This is as of ${timeFormat.format(lastResponse)}.`);
}

// ---- Start, and keep up to date ----

let timer = 0;

// Calls of a hidden page would help nobody.
async function refresh() {
  clearTimeout(timer);
  if (document.hidden) return;
  const begin = new Date();
  refreshProvider();
  try {
    await Promise.all([refreshTotals(), refreshList(), refreshDetail()]);
    showConnection(lastResponse >= begin);
  } finally {
    clearTimeout(timer);
    timer = setTimeout(refresh, kRefreshMs);
  }
}

// An entry of the history keeps whether the entry before it is the same list without an invoice.
function markEntry(isOverList) {
  if (!history.state) history.replaceState({ isOverList }, '');
}

function viewChanged({ oldURL }) {
  markEntry(fragmentOf(readView(new URL(oldURL))) === listOf(readView()));
  forgetTyped();
  showFilter(readView());
  showDetail();
  if (listOf(readView()) !== shown.list) refreshList();
}

function connectControls() {
  $('filter').addEventListener('input', filterTyped);
  addEventListener('click', () => { if (typing) filterChanged(); }, { capture: true }); // before it leads elsewhere
  $('filter').addEventListener('submit', (event) => { event.preventDefault(); filterChanged(); });
  onClick('filter-clear', () => go({ status: '', currency: '', prefix: '', cursor: '', page: '' }));
  onClick('previous', showPreviousPage);
  onClick('next', showNextPage);
  $('skip').addEventListener('click', (event) => { event.preventDefault(); $('list-heading').focus(); });
  onClick('detail-close', () => $('detail').close());
  $('detail').addEventListener('close', detailClosed);
  onClick('pay-one', payOne);
  onClick('open-add', openAdd);
  onClick('add-close', () => $('add').close());
  $('add-form').addEventListener('submit', addInvoice);
  onClick('open-pay', openConfirm);
  onClick('confirm-no', () => $('confirm').close());
  onClick('confirm-yes', payAll);
  onClick('run-again', payAll);
  onClick('run-hide', () => { showIf('run', false); $('open-pay').focus(); });
  addEventListener('hashchange', viewChanged);
  document.addEventListener('visibilitychange', refresh);
}

connectControls();
markEntry(false);
showFilter(readView());
showDetail();
refresh();
