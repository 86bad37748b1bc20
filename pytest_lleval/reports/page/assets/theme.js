// Light or dark: as the system says, until the reader says otherwise.

const dark = window.matchMedia('(prefers-color-scheme: dark)');

/** Storage may be closed to files opened from disk. */
function remember(theme) {
  try { localStorage.setItem('lleval-theme', theme); } catch { /* then it is asked for again next time */ }
}

function recall() {
  try { return localStorage.getItem('lleval-theme'); } catch { return null; }
}

function setTheme(theme) {
  document.documentElement.dataset.theme = theme;
  const button = document.getElementById('theme');
  button.textContent = theme === 'dark' ? 'Light' : 'Dark';
  button.setAttribute('aria-label', `Switch to ${theme === 'dark' ? 'light' : 'dark'} colours`);
}

function startTheme() {
  const now = () => document.documentElement.dataset.theme;
  setTheme(recall() ?? (dark.matches ? 'dark' : 'light'));
  dark.addEventListener('change', () => { if (!recall()) setTheme(dark.matches ? 'dark' : 'light'); });
  document.getElementById('theme').addEventListener('click', () => {
    setTheme(now() === 'dark' ? 'light' : 'dark');
    remember(now());
  });
}
