// One sample in full: what was asked, what came back, and what became of it.

/** The row whose details are shown. */
let shown = null;
const LONGEST = 20000;

function showDetails(row) {
  shown = row;
  const place = document.getElementById('details');
  const text = texts.get(row);
  const said = text ? makeTexts(row, text) : [sayMissing()];
  const parts = [makeTitle(row), listFacts(judgeRow(row)), ...said, make('h4', {}, 'circumstances'), listFacts(tellRow(row, text))];
  place.replaceChildren(...parts);
  place.scrollTop = 0;
  // where the list fills the width, the details are below it
  if (getComputedStyle(place.parentElement).display === 'block') {
    place.scrollIntoView({ block: 'start' });
    place.focus({ preventScroll: true });
  }
}

function makeTitle(row) {
  const back = make('button', { type: 'button', class: 'back' }, 'Back to the list');
  back.addEventListener('click', () => { document.getElementById('rows-view').scrollIntoView(); focusActive(); });
  return make('div', { class: 'title' }, make('h3', {}, show(rows.sample[row])), back);
}

/** What came of it, which stands above what was asked and answered. */
function judgeRow(row) {
  return [
    ['score', makeScore(row)],
    ['answer read', word('answer', row) ?? 'none'],
    ['target', word('target', row) || 'none'],
    rows.moved[row] !== 0 && ['in the baseline', `${rows.was[row]}`],
    flagsOf(row) && ['flags', flagsOf(row)],
  ];
}

/** How it came about, which stands below. */
function tellRow(row, text) {
  const details = text?.details ?? {};
  const [queued, connected, first] = details.times ?? [];
  return [
    several('suite') && ['suite', word('suite', row)],
    ['model', word('model', row)],
    details.served && ['answered by', details.served],
    rows.epoch[row] > 1 && ['epoch', `${rows.epoch[row]}`],
    ['time', rows.seconds[row] === null ? 'no answer' : tellSeconds(rows.seconds[row])],
    details.times && ['of it', `connecting ${tellSeconds(connected)}, first byte after ${tellSeconds(first)}`],
    queued > 0 && ['waited before', tellSeconds(queued)],
    ['tokens', `${rows.input[row] ?? 'not reported'} in, ${rows.output[row] ?? 'not reported'} out`],
    details.stop && ['ended by', details.stop],
    details.worker && ['worker', details.worker],
  ];
}

function listFacts(facts) {
  return make('dl', {}, ...facts.filter(Boolean).map(([name, value]) =>
    make('div', {}, make('dt', {}, name), make('dd', {}, value instanceof Node ? value : show(value)))));
}

function makeTexts(row, text) {
  const { details } = text;
  const parts = [];
  for (const [prompt, answer] of details.earlier ?? []) parts.push(...makeTurns(prompt), ...makeBlock('answer', answer));
  parts.push(...makeTurns(text.prompt), ...makeBlock('answer', text.answer, 'answer'));
  if (details.again !== undefined) parts.push(...makeBlock('asked again', details.again));
  for (const [name, value, answer, why] of details.scores ?? []) {
    parts.push(...makeBlock(`score ${value} by ${name}`, why || `read ${JSON.stringify(answer)}`));
  }
  if (details.error) parts.push(...makeBlock('why it could not be scored', details.error));
  for (const [error, status, seconds] of details.failures ?? []) {
    parts.push(...makeBlock(`attempt that failed after ${tellSeconds(seconds)}${status ? `, status ${status}` : ''}`, error));
  }
  return parts;
}

function makeTurns(prompt) {
  return splitTurns(prompt).flatMap(([role, content]) => makeBlock(role, content));
}

/** A foreign text under its title; the rest of a very long one waits for a click. */
function makeBlock(title, text, kind = '') {
  if (text === null || text === undefined) return [make('h4', {}, show(title)), make('p', { class: 'fact' }, 'none')];
  const block = make('pre', { class: `text ${kind}`, dir: 'auto', tabindex: 0 }, show(text.slice(0, LONGEST)));
  const parts = [make('h4', {}, show(title)), block];
  if (text.length > LONGEST) {
    const more = make('button', { type: 'button' }, `Show all ${count(text.length)} characters`);
    more.addEventListener('click', () => { block.replaceChildren(show(text)); more.remove(); });
    parts.push(more);
  }
  return parts;
}

function sayMissing() {
  const why = 'What was asked of this sample had no room in the page: choose samples.jsonl of the run above to read it.';
  return make('p', { class: 'notice' }, why);
}
