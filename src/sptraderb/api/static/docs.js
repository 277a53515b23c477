"use strict";

window.ui = window.SwaggerUIBundle({
  url: "/docs/openapi.json",
  dom_id: "#api",
  deepLinking: true,
  validatorUrl: null,
  docExpansion: "list",
  presets: [window.SwaggerUIBundle.presets.apis],
  layout: "BaseLayout",
});
