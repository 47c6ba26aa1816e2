/* The theme wraps the button that copies a block of code in a landmark of navigation, one a block: too many to be of use
   to who moves from landmark to landmark. */
new MutationObserver(() => {
  for (const nav of document.querySelectorAll(".md-code__nav:not([role])")) nav.setAttribute("role", "none")
}).observe(document.body, { childList: true, subtree: true })
