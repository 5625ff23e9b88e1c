// A key's pages: confirmation in a dialog instead of a page, and a secret that is not left by an accidental click.
import "./frame.js";

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-dialog]");
  // With a modifier the person wants the page itself, in another tab.
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  document.getElementById(link.dataset.dialog).showModal();
});

const page = document.querySelector("[data-secret-page]");

if (page) {
  // Loading this page again would send the form again; the key's own page is what that should give.
  history.replaceState(null, "", page.dataset.secretPage);

  const ask = (event) => event.preventDefault();
  addEventListener("beforeunload", ask);
  page.querySelector("[data-kept]").addEventListener("click", () => removeEventListener("beforeunload", ask));

  page.querySelector("[data-download]").addEventListener("click", (event) => {
    const button = event.currentTarget;
    const text = document.getElementById(button.dataset.download).textContent;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([`${text}\n`], { type: "text/plain" }));
    link.download = button.dataset.file;
    link.click();
    URL.revokeObjectURL(link.href);
  });
}
