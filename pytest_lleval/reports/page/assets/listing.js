// The list of samples: only the rows that can be seen are in the document.

const ROW_HEIGHT = 34;
const MARGIN_ROWS = 8;
const PRINTED = 40;
let columns = [];
/** Place in the list of the row that keys act on. */
let active = 0;
let printing = false;

const several = (name) => rows.words[name].length > 1;
const flagsOf = (row) => word('flags', row).join(', ');

/** Decide what columns this run needs. */
function makeColumns() {
  columns = [
    { name: 'sample', title: 'Sample', value: (row) => row, cell: makeName },
    several('suite') && { name: 'suite', title: 'Suite', value: (row) => word('suite', row) },
    several('model') && { name: 'model', title: 'Model', value: (row) => word('model', row) },
    rows.epoch.some((epoch) => epoch > 1) && { name: 'epoch', title: 'Epoch', value: (row) => rows.epoch[row], number: true },
    { name: 'score', title: 'Score', value: (row) => rows.score[row], cell: makeScore },
    { name: 'answer', title: 'Answer', value: (row) => word('answer', row) },
    { name: 'target', title: 'Target', value: (row) => word('target', row) },
    rows.moved.some(Boolean) && { name: 'was', title: 'Before', value: (row) => rows.was[row], number: true },
    { name: 'seconds', title: 'Seconds', value: (row) => rows.seconds[row], number: true },
    { name: 'tokens', title: 'Tokens', value: sumTokens, text: tellTokens, number: true, wide: true },
    { name: 'flags', title: 'Flags', value: flagsOf, wide: true },
  ].filter(Boolean);
}

/** The end of an id tells it from its neighbours: where there is little room, it is cut before that. */
function makeName(row) {
  const name = rows.sample[row];
  const slash = name.lastIndexOf('/');
  const end = slash > 0 && name.length - slash < 14 ? slash : name.length;
  return make('span', { class: 'name' }, make('span', {}, show(name.slice(0, end))), make('span', {}, show(name.slice(end))));
}

function sumTokens(row) {
  return rows.input[row] === null && rows.output[row] === null ? null : rows.input[row] + rows.output[row];
}

function tellTokens(row) {
  return sumTokens(row) === null ? '' : `${rows.input[row] ?? '?'} → ${rows.output[row] ?? '?'}`;
}

/** A score is told by a sign and a number, not by its colour alone. */
function makeScore(row) {
  const score = rows.score[row];
  if (score === null) return make('span', { class: 'chip unscored' }, word('cause', row));
  const kind = score >= 1 ? 'right' : score > 0 ? 'partly' : 'wrong';
  const sign = { right: '✓', partly: '◐', wrong: '✗' }[kind];
  return make('span', { class: `score ${kind}` }, `${sign} ${score}`);
}

const styleOf = (column) => [column.number && 'number', column.wide && 'wide', `of-${column.name}`].filter(Boolean).join(' ');

function renderHead() {
  const cells = columns.map((column) => {
    const sorted = wanted.sort === column.name ? (wanted.descending ? 'descending' : 'ascending') : 'none';
    const button = make('button', { type: 'button' }, column.title);
    button.addEventListener('click', () => sortBy(column.name));
    return make('th', { scope: 'col', class: styleOf(column), 'aria-sort': sorted, 'data-title': column.title }, button);
  });
  document.querySelector('#rows-table thead').replaceChildren(make('tr', { 'aria-rowindex': 1 }, ...cells));
  // the usual seven columns fit beside the details; more of them scroll
  document.getElementById('rows-table').style.setProperty('--columns', Math.max(0, columns.length - 7));
}

function renderRows() {
  const view = document.getElementById('rows-view');
  const first = printing ? 0 : Math.max(0, Math.floor(view.scrollTop / ROW_HEIGHT) - MARGIN_ROWS);
  const fitting = printing ? PRINTED : Math.ceil(view.clientHeight / ROW_HEIGHT) + 2 * MARGIN_ROWS;
  const last = Math.min(chosen.length, first + fitting);
  const held = view.contains(document.activeElement) && document.activeElement.matches('tbody tr');
  const made = [];
  for (let place = first; place < last; place += 1) made.push(makeRow(place));
  if (!printing) made.unshift(makeSpace(first));
  if (!printing) made.push(makeSpace(chosen.length - last));
  document.querySelector('#rows-table tbody').replaceChildren(...made);
  document.getElementById('rows-table').setAttribute('aria-rowcount', chosen.length + 1);
  if (held) focusActive();
}

function makeSpace(height) {
  const cell = make('td');
  cell.style.height = `${height * ROW_HEIGHT}px`;
  return make('tr', { class: 'space', 'aria-hidden': 'true' }, cell);
}

function makeRow(place) {
  const row = chosen[place];
  const cells = columns.map((column) => {
    const value = column.cell ? column.cell(row) : show((column.text ?? column.value)(row) ?? '');
    return make('td', { class: styleOf(column) }, value);
  });
  const isActive = place === active;
  return make(
    'tr',
    { tabindex: isActive ? 0 : -1, 'aria-rowindex': place + 2, 'aria-selected': shown === row ? 'true' : 'false', 'data-place': place },
    ...cells,
  );
}

function focusActive() {
  document.querySelector(`#rows-table tr[data-place="${active}"]`)?.focus({ preventScroll: true });
}

/** Make a place of the list the one that keys act on, and bring it into view. */
function goTo(place) {
  active = Math.max(0, Math.min(chosen.length - 1, place));
  const view = document.getElementById('rows-view');
  const head = view.querySelector('thead').offsetHeight;
  const top = active * ROW_HEIGHT;
  if (top < view.scrollTop) view.scrollTop = top;
  const room = view.clientHeight - head - ROW_HEIGHT;
  if (top > view.scrollTop + room) view.scrollTop = top - room;
  renderRows();
  focusActive();
}

/** Choose, sort and draw again after what is wanted has changed. */
function refresh() {
  choose();
  active = 0;
  document.getElementById('rows-view').scrollTop = 0;
  renderHead();
  renderRows();
  document.getElementById('printed').textContent = chosen.length > PRINTED ? `The first ${PRINTED} of them are printed.` : '';
  const state = chosen.length === rows.count ? `${count(rows.count)} rows` : `${count(chosen.length)} of ${count(rows.count)} rows`;
  document.getElementById('samples-state').textContent = state;
  document.dispatchEvent(new Event('listed'));
}

function sortBy(name) {
  if (wanted.sort !== name) Object.assign(wanted, { sort: name, descending: false });
  else if (!wanted.descending) wanted.descending = true;
  else Object.assign(wanted, { sort: null, descending: false });
  refresh();
  document.querySelector(`#rows-table th.of-${name} button`).focus();
}

const MOVES = { ArrowDown: 1, ArrowUp: -1, PageDown: 12, PageUp: -12, Home: -Infinity, End: Infinity };

function startList() {
  const view = document.getElementById('rows-view');
  view.addEventListener('scroll', renderRows, { passive: true });
  view.addEventListener('click', (event) => {
    const found = event.target.closest('tbody tr[data-place]');
    if (found) open(Number(found.dataset.place));
  });
  view.addEventListener('keydown', (event) => {
    if (!event.target.matches('tbody tr')) return;
    if (event.key in MOVES) goTo(active + MOVES[event.key]);
    else if (event.key === 'Enter' || event.key === ' ') open(active);
    else return;
    event.preventDefault();
  });
  window.addEventListener('beforeprint', () => { printing = true; renderRows(); });
  window.addEventListener('afterprint', () => { printing = false; renderRows(); });
  new ResizeObserver(renderRows).observe(view);
}

function open(place) {
  goTo(place);
  showDetails(chosen[place]);
  renderRows();
}
