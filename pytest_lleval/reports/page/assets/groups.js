// Tables that can be sorted, and links from groups and changes to the samples they are made of.

/** Return what a cell sorts by: its number where it has one. */
function readCell(cell) {
  const text = cell.textContent.trim();
  const number = Number(text.replaceAll(',', ''));
  return text !== '' && !Number.isNaN(number) ? number : text;
}

function startTable(table) {
  const heads = [...table.querySelectorAll('thead th')];
  const body = table.querySelector('tbody');
  heads.forEach((head, place) => {
    if (/^(95|from)/.test(head.textContent)) return;
    head.dataset.title = head.textContent;
    const button = make('button', { type: 'button' }, head.textContent);
    head.replaceChildren(button);
    head.setAttribute('aria-sort', place === 0 ? 'ascending' : 'none');
    button.addEventListener('click', () => {
      const turn = head.getAttribute('aria-sort') === 'ascending' ? -1 : 1;
      for (const other of heads) if (other.hasAttribute('aria-sort')) other.setAttribute('aria-sort', 'none');
      head.setAttribute('aria-sort', turn === 1 ? 'ascending' : 'descending');
      const keyed = [...body.rows].map((row) => [readCell(row.cells[place]), row]);
      keyed.sort(([one], [other]) => turn * (one < other ? -1 : one > other ? 1 : 0));
      body.append(...keyed.map(([, row]) => row));
    });
  });
}

function startLinks() {
  for (const link of document.querySelectorAll('a[data-group], a[data-show]')) {
    link.addEventListener('click', () => {
      const { group = '', suite = '', model = '', show: kind = 'all' } = link.dataset;
      Object.assign(wanted, { query: '', flags: '', group, suite, model, show: kind });
      showWanted();
      refresh();
    });
  }
}
