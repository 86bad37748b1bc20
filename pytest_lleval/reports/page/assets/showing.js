// Elements, and texts of models, which are data: they are shown, and do nothing.

/** Signs that move, hide or turn text, command a terminal, or are halves of characters. */
const UNSEEN =
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb]|[\u{e0000}-\u{e007f}]|\p{Cs}/gu;

/** Return an element; children are elements or texts, and texts stay texts. */
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(name, value === true ? '' : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/** Return a text of a model or a dataset with its unseen signs spelled out. */
function show(text) {
  const shown = document.createDocumentFragment();
  const plain = String(text).replace(/\r\n/g, '\n');
  let end = 0;
  for (const found of plain.matchAll(UNSEEN)) {
    shown.append(plain.slice(end, found.index), make('span', { class: 'unseen-sign' }, nameSign(found[0])));
    end = found.index + found[0].length;
  }
  shown.append(plain.slice(end));
  return shown;
}

function nameSign(sign) {
  const code = sign.codePointAt(0);
  if (code === 0x1b) return 'ESC';
  return `U+${code.toString(16).toUpperCase().padStart(4, '0')}`;
}

const count = (number) => number.toLocaleString('en-US');

/** Return seconds in words a person can compare. */
function tellSeconds(seconds) {
  if (seconds === null || seconds === undefined) return 'not seen';
  // a number and its unit stay on one line
  if (seconds >= 100) return `${count(Math.round(seconds))}\u00a0s`;
  return seconds < 0.1 ? `${Number((seconds * 1000).toPrecision(3))}\u00a0ms` : `${Number(seconds.toPrecision(3))}\u00a0s`;
}
