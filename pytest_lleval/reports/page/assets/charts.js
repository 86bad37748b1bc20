// Drawings of distributions over a logarithmic axis. `drawCurves` draws any lines: those of a size matrix, too.

const SVG = 'http://www.w3.org/2000/svg';
const SIZE = { height: 260, left: 52, right: 16, top: 12, bottom: 34 };
const BINS = 48;
/** Form, the series that are drawn, and how places on the axis are found. */
const chart = { form: 'histogram', series: [], scale: null, cursor: null };

function draw(tag, attributes, ...children) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

/** Return the times of fresh answers, sorted, a series a suite and model. */
function collectSeries(list) {
  const series = new Map();
  for (const row of list) {
    if (rows.seconds[row] === null || rows.seconds[row] <= 0 || word('flags', row).includes('cached')) continue;
    const name = `${word('suite', row)} on ${word('model', row)}`;
    if (!series.has(name)) series.set(name, []);
    series.get(name).push(rows.seconds[row]);
  }
  return [...series].map(([name, values]) => ({ name, values: Float64Array.from(values).sort() }));
}

/** Return a logarithmic scale from the least to the greatest value, in pixels. */
function makeScale(least, greatest, width) {
  const from = Math.log10(least) - 0.02;
  const to = Math.max(Math.log10(greatest) + 0.02, from + 0.1);
  const inner = width - SIZE.left - SIZE.right;
  return {
    from,
    to,
    place: (value) => SIZE.left + ((Math.log10(value) - from) / (to - from)) * inner,
    value: (place) => 10 ** (from + ((place - SIZE.left) / inner) * (to - from)),
  };
}

/** Return round values of the axis, fewer where it spans many powers of ten. */
function findTicks(scale) {
  const span = scale.to - scale.from;
  const steps = span > 2.5 ? [1] : span > 1 ? [1, 2, 5] : [1, 1.5, 2, 3, 4, 5, 7];
  const ticks = [];
  for (let power = Math.floor(scale.from); power <= Math.ceil(scale.to); power += 1) {
    for (const step of steps) ticks.push(step * 10 ** power);
  }
  return ticks.filter((tick) => Math.log10(tick) >= scale.from && Math.log10(tick) <= scale.to);
}

const rise = (share) => SIZE.top + (1 - share) * (SIZE.height - SIZE.top - SIZE.bottom);

function drawAxes(scale, width, labels) {
  const floor = rise(0);
  const across = labels.flatMap(([share, text]) => [
    draw('line', { x1: SIZE.left, x2: width - SIZE.right, y1: rise(share), y2: rise(share), class: 'rule' }),
    draw('text', { x: SIZE.left - 8, y: rise(share) + 4, 'text-anchor': 'end' }, text),
  ]);
  const along = findTicks(scale).flatMap((tick) => [
    draw('line', { x1: scale.place(tick), x2: scale.place(tick), y1: floor, y2: floor + 4, class: 'rule' }),
    draw('text', { x: scale.place(tick), y: floor + 18, 'text-anchor': 'middle' }, tellSeconds(tick)),
  ]);
  return [...across, ...along];
}

/** Draw lines: each series has points [value, share] in order. */
function drawCurves(series, scale) {
  return series.map(({ points }, place) => {
    const path = points.map(([value, share], step) => `${step ? 'L' : 'M'}${scale.place(value).toFixed(1)} ${rise(share).toFixed(1)}`);
    return draw('path', { d: path.join(''), class: `curve series-${place % 6}` });
  });
}

function drawCumulative(scale, width) {
  const labels = [0, 0.25, 0.5, 0.75, 1].map((share) => [share, `${100 * share} %`]);
  const series = chart.series.map(({ values }) => {
    const step = Math.max(1, Math.floor(values.length / 400));
    const points = [];
    for (let place = 0; place < values.length; place += step) points.push([values[place], (place + 1) / values.length]);
    points.push([values[values.length - 1], 1]);
    return { points };
  });
  return [...drawAxes(scale, width, labels), ...drawCurves(series, scale)];
}

function countBins(scale) {
  return chart.series.map(({ values }) => {
    const bins = new Array(BINS).fill(0);
    for (const value of values) bins[Math.min(BINS - 1, Math.floor(((Math.log10(value) - scale.from) / (scale.to - scale.from)) * BINS))] += 1;
    return bins;
  });
}

function drawHistogram(scale, width) {
  const series = countBins(scale);
  // an even number, so that its half is one that can be counted
  const top = 2 * Math.ceil(Math.max(1, ...series.flat()) / 2);
  const step = (width - SIZE.left - SIZE.right) / BINS;
  const labels = [0, 0.5, 1].map((share) => [share, count(share * top)]);
  if (series.length > 1) return [...drawAxes(scale, width, labels), ...series.map((bins, place) => drawOutline(bins, place, step, top))];
  const bars = series.flatMap((bins, place) => bins.map((found, bin) => draw('rect', {
    x: (SIZE.left + bin * step + 0.5).toFixed(1), width: Math.max(1, step - 1).toFixed(1), y: rise(found / top).toFixed(1),
    height: (rise(0) - rise(found / top)).toFixed(1), class: `column series-${place % 6}`,
  })));
  return [...drawAxes(scale, width, labels), ...bars];
}

/** Several histograms are told apart by their outlines. */
function drawOutline(bins, place, step, top) {
  const path = bins.map((found, bin) => `V${rise(found / top).toFixed(1)}H${(SIZE.left + (bin + 1) * step).toFixed(1)}`);
  return draw('path', { d: `M${SIZE.left} ${rise(0)}${path.join('')}V${rise(0)}`, class: `curve series-${place % 6}` });
}

function drawLatency() {
  const place = document.getElementById('latency-chart');
  if (!place || !rows) return;
  const only = document.getElementById('latency-listed').checked;
  chart.series = collectSeries(only ? chosen : [...rows.score.keys()]);
  if (!chart.series.length) {
    place.replaceChildren(make('p', { class: 'fact' }, 'None of the samples was answered afresh.'));
    return;
  }
  const width = Math.max(280, place.clientWidth);
  const least = Math.min(...chart.series.map(({ values }) => values[0]));
  const greatest = Math.max(...chart.series.map(({ values }) => values[values.length - 1]));
  chart.scale = makeScale(least, greatest, width);
  const drawn = chart.form === 'curve' ? drawCumulative(chart.scale, width) : drawHistogram(chart.scale, width);
  const cursor = draw('line', { y1: SIZE.top, y2: rise(0), class: 'cursor', visibility: 'hidden' });
  const picture = draw('svg', { viewBox: `0 0 ${width} ${SIZE.height}`, 'aria-hidden': 'true' }, ...drawn, cursor);
  place.replaceChildren(picture, ...(chart.series.length > 1 ? [makeLegend()] : []));
  tellAll();
}

function makeLegend() {
  return make('ul', { class: 'legend' }, ...chart.series.map(({ name }, place) =>
    make('li', { class: `series-${place % 6}` }, show(name))));
}

function tellAll() {
  const { values } = chart.series[0];
  const half = chart.series.length > 1 ? '' : `Half of ${count(values.length)} answers within ${tellSeconds(values[Math.floor(values.length / 2)])}. `;
  document.getElementById('latency-readout').textContent = `${half}Point at the drawing, or use the arrow keys in it.`;
}

/** Say how many answers took no longer than the place that is pointed at. */
function pointAt(place) {
  if (!chart.scale) return;
  const width = document.querySelector('#latency-chart svg').clientWidth;
  chart.cursor = Math.max(SIZE.left, Math.min(width - SIZE.right, place));
  const value = chart.scale.value(chart.cursor);
  const line = document.querySelector('#latency-chart .cursor');
  for (const [name, found] of [['x1', chart.cursor], ['x2', chart.cursor], ['visibility', 'visible']]) line.setAttribute(name, found);
  const parts = chart.series.map(({ name, values }) => {
    const within = values.findLastIndex((seconds) => seconds <= value) + 1;
    const share = ((100 * within) / values.length).toFixed(1);
    return `${chart.series.length > 1 ? `${name}: ` : ''}${share} % (${count(within)} of ${count(values.length)})`;
  });
  document.getElementById('latency-readout').replaceChildren(show(`Within ${tellSeconds(value)}: ${parts.join('; ')}`));
}

function startChart() {
  const place = document.getElementById('latency-chart');
  if (!place) return;
  place.addEventListener('pointermove', (event) => pointAt(event.clientX - place.getBoundingClientRect().left));
  place.addEventListener('keydown', (event) => {
    const step = { ArrowLeft: -8, ArrowRight: 8 }[event.key];
    if (!step) return;
    event.preventDefault();
    pointAt((chart.cursor ?? place.clientWidth / 2) + step);
  });
  for (const button of document.querySelectorAll('[data-form]')) {
    button.addEventListener('click', () => {
      chart.form = button.dataset.form;
      for (const other of document.querySelectorAll('[data-form]')) other.setAttribute('aria-pressed', other === button);
      drawLatency();
    });
  }
  const only = document.getElementById('latency-listed');
  only.addEventListener('change', drawLatency);
  document.addEventListener('listed', () => { if (only.checked) drawLatency(); });
  new ResizeObserver(drawLatency).observe(place);
}
