// Puts the parts to work: the theme at once, the list when its rows are unpacked, the texts after it was drawn.

/** Selects for what the run has several of. */
const SELECTS = { suite: 'All suites', model: 'All models', group: 'All groups', flags: 'Any flags' };

function makeSelects() {
  for (const [name, all] of Object.entries(SELECTS)) {
    const words = name === 'flags' ? [...new Set(rows.words.flags.flat())].sort() : rows.words[name].filter(Boolean);
    if (words.length < (name === 'flags' ? 1 : 2)) continue;
    const options = words.map((text) => make('option', { value: text }, show(text)));
    const select = make('select', { id: `select-${name}`, 'aria-label': all }, make('option', { value: '' }, all), ...options);
    select.addEventListener('change', () => { wanted[name] = select.value; refresh(); });
    document.getElementById('selects').append(select);
  }
}

/** Make the controls say what is wanted. */
function showWanted() {
  document.getElementById('search').value = wanted.query;
  for (const name of Object.keys(SELECTS)) {
    const select = document.getElementById(`select-${name}`);
    if (select) select.value = wanted[name];
  }
  for (const button of document.querySelectorAll('button[data-show]')) {
    button.setAttribute('aria-pressed', button.dataset.show === wanted.show);
  }
}

function startFilters() {
  const buttons = document.querySelectorAll('button[data-show]');
  countKinds(buttons);
  for (const button of buttons) {
    button.addEventListener('click', () => { wanted.show = button.dataset.show; showWanted(); refresh(); });
  }
  document.getElementById('search').addEventListener('input', (event) => { wanted.query = event.target.value; refresh(); });
}

async function startSamples() {
  await readRows();
  makeColumns();
  makeSelects();
  startFilters();
  startList();
  startLinks();
  startJournal();
  startChart();
  refresh();
  await readTexts();
  makeHaystacks();
  document.documentElement.dataset.ready = 'true';
}

startTheme();
document.documentElement.classList.add('scripted');
document.querySelectorAll('table.sortable').forEach(startTable);
if (document.getElementById('rows-view')) {
  startSamples().catch((error) => {
    const why = `The list could not be read by this browser (${error.message}): a newer one, or lleval show, can.`;
    document.getElementById('samples-state').textContent = why;
  });
}
