"""Unpack the JavaScript and CSS the pages use into `src/sptraderb/api/static/vendor/`.

The files lie in two wheels on the package index, pinned with hashes in ``requirements/web.txt``.
They are fetched without their dependencies and never installed; third-party JavaScript is built in,
not committed. Run by the set-up and by the image build; safe to run again.
"""

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "src" / "sptraderb" / "api" / "static" / "vendor"
CHARTS = "lwcharts/vendor/lightweight-charts.standalone.production.js"
SWAGGER = "mkdocs_swagger_ui_tag/swagger-ui"
FILES = {
    "lwcharts": {CHARTS: "lightweight-charts.js"},
    "mkdocs_swagger_ui_tag": {
        f"{SWAGGER}/javascripts/swagger-ui-bundle.js": "swagger-ui-bundle.js",
        f"{SWAGGER}/javascripts/swagger-ui-standalone-preset.js": "swagger-ui-standalone-preset.js",
        f"{SWAGGER}/stylesheets/swagger-ui.css": "swagger-ui.css",
        f"{SWAGGER}/LICENSE": "LICENSE-APACHE-2.0.txt",
    },
}
NOTICE = """Third-party files in this folder, unpacked by tools/web_assets.py and unchanged.

lightweight-charts.js
  TradingView Lightweight Charts(TM) v5. Copyright (c) TradingView, Inc. https://www.tradingview.com/
  Licensed under the Apache License 2.0 (LICENSE-APACHE-2.0.txt).

swagger-ui-bundle.js, swagger-ui-standalone-preset.js, swagger-ui.css
  Swagger UI. Copyright SmartBear Software Inc. https://swagger.io/tools/swagger-ui/
  Licensed under the Apache License 2.0 (LICENSE-APACHE-2.0.txt).
"""


def fetch_wheels(folder: Path) -> None:
    """Download the pinned wheels into ``folder``, checking their hashes."""
    pins = ROOT / "requirements" / "web.txt"
    command = [sys.executable, "-I", "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    subprocess.run([*command, "--dest", str(folder), "-r", str(pins)], check=True)


def unpack(folder: Path, target: Path) -> None:
    """Copy the named files out of the wheels in ``folder`` into ``target``."""
    for package, files in FILES.items():
        (wheel,) = folder.glob(f"{package}-*.whl")
        with zipfile.ZipFile(wheel) as archive:
            for source, name in files.items():
                with archive.open(source) as reader, (target / name).open("wb") as writer:
                    shutil.copyfileobj(reader, writer)
    (target / "NOTICE.txt").write_text(NOTICE, encoding="utf-8")


def main() -> None:
    """Replace the vendor folder by a freshly unpacked one."""
    with tempfile.TemporaryDirectory() as text:
        wheels, target = Path(text, "wheels"), Path(text, "vendor")
        wheels.mkdir()
        target.mkdir()
        fetch_wheels(wheels)
        unpack(wheels, target)
        shutil.rmtree(VENDOR, ignore_errors=True)
        shutil.copytree(target, VENDOR)


if __name__ == "__main__":
    main()
