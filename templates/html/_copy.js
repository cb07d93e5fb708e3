// The one script of a page, named by its hash in the Content-Security-Policy: buttons that copy what stands beside them.
for (const panel of document.querySelectorAll("div.msg, .term")) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copy";
  button.textContent = document.body.dataset.copy;
  button.addEventListener("click", async () => {
    const code = (selector) => [...panel.querySelectorAll(selector)].map((found) => found.textContent).join("");
    const head = code(".start code") + "\n" + code(".hd pre code");
    const body = code(":scope > pre code, :scope > .fold code, .out code");
    const command = code(".in_ code").replace(/^\$ /, "");
    await navigator.clipboard.writeText(command || (body ? `${head}\n${body}` : head));
    button.textContent = document.body.dataset.copied;
    setTimeout(() => { button.textContent = document.body.dataset.copy; }, 1500);
  });
  panel.parentElement.append(button);
}
