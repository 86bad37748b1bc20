// Which rows are listed, in which order.

const wanted = { query: '', show: 'all', sort: null, descending: false, suite: '', model: '', group: '', flags: '' };
/** The rows that are listed. */
let chosen = [];
let haystacks = null;

const kinds = {
  all: () => true,
  wrong: (row) => rows.score[row] !== null && rows.score[row] < 1,
  right: (row) => rows.score[row] !== null && rows.score[row] >= 1,
  // a case that was not asked, since its gates were decided, is none that failed
  unscored: (row) => rows.score[row] === null && word('cause', row) !== 'decided',
  flagged: (row) => word('flags', row).length > 0,
  flipped: (row) => rows.moved[row] !== 0,
};

/** Say how many rows each choice has; a choice that never has any is taken away. */
function countKinds(buttons) {
  for (const button of buttons) {
    let found = 0;
    for (let row = 0; row < rows.count; row += 1) if (kinds[button.dataset.show](row)) found += 1;
    button.querySelector('.count').textContent = count(found);
    button.disabled = found === 0;
    button.hidden = found === 0 && ['flipped', 'unscored', 'flagged'].includes(button.dataset.show);
  }
}

/** Make what a search looks at: it is there before the first one, and again when texts were added. */
function makeHaystacks() {
  const lowered = new Map();
  haystacks = rows.sample.map((sample, row) => {
    const parts = [sample, word('answer', row) ?? '', word('target', row), word('cause', row), word('error', row)];
    const text = texts.get(row);
    if (text) parts.push(text.prompt, text.answer ?? '');
    const hay = parts.join('\n');
    if (!lowered.has(hay)) lowered.set(hay, hay.toLowerCase());
    return lowered.get(hay);
  });
}

function choose() {
  const query = wanted.query.trim().toLowerCase();
  if (query && !haystacks) makeHaystacks();
  const fits = kinds[wanted.show];
  const places = ['suite', 'model', 'group'].filter((name) => wanted[name] !== '');
  const words = places.map((name) => rows.words[name].indexOf(wanted[name]));
  const flagged = wanted.flags === '' ? null : rows.words.flags.map((flags) => flags.includes(wanted.flags));
  chosen = [];
  for (let row = 0; row < rows.count; row += 1) {
    if (!fits(row) || (flagged && !flagged[rows.flags[row]])) continue;
    if (places.some((name, place) => rows[name][row] !== words[place])) continue;
    if (!query || haystacks[row].includes(query)) chosen.push(row);
  }
  if (wanted.sort) sortChosen(columns.find((column) => column.name === wanted.sort));
}

/** Sort by a column; rows without a value come last either way. */
function sortChosen(column) {
  const values = new Map(chosen.map((row) => [row, column.value(row)]));
  const turn = wanted.descending ? -1 : 1;
  chosen.sort((one, other) => {
    const [left, right] = [values.get(one), values.get(other)];
    if (left === right) return one - other;
    if (left === null || left === undefined) return 1;
    if (right === null || right === undefined) return -1;
    return turn * (left < right ? -1 : 1);
  });
}
