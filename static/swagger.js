// The definition of one API in Swagger UI. Nothing but that definition is loaded, and no call is made from here.
const root = document.getElementById("swagger-ui");
const own = new URL(root.dataset.url, location.href).href;
const nothing = () => () => null;
// Texts as they were written: its Markdown would read whatever HTML is in them, which the policy of the page then refuses.
const asWritten = (_, { React }) => ({ source }) => React.createElement("div", { className: "written" }, source);

window.SwaggerUIBundle({
  url: own,
  domNode: root,
  deepLinking: false,
  validatorUrl: null,
  supportedSubmitMethods: [],
  requestInterceptor(request) {
    // References to other addresses, which whoever wrote the definition chose.
    if (new URL(request.url, own).href !== own) throw new Error(`Not loaded: ${request.url}`);
    return request;
  },
  plugins: [
    () => ({ wrapComponents: { authorizeBtn: nothing, authorizeOperationBtn: nothing, Markdown: asWritten } }),
  ],
});
