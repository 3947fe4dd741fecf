#!/usr/bin/env bash
# Looks at the status page in headless Chromium, as wide as a phone and as a desk: nothing may stick out to the side, and nothing may be asked for from elsewhere.
#   .ci/status-page.sh [--picture]     with --picture, renews docs/status-phone.png and docs/dashboard.png
# Chromium is Debian's package; it is installed where that can be done without asking.
set -euo pipefail
cd "$(dirname "$0")/.."
if ! command -v chromium >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "there is no chromium: install it (Debian: apt-get install chromium)" >&2
    exit 1
  fi
  export DEBIAN_FRONTEND=noninteractive
  apt-get -qq update && apt-get -qq install --no-install-recommends chromium >/dev/null
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cargo run --quiet --bin status-page >"$work/page.html"
browser() {
  chromium --headless --no-sandbox --disable-gpu --hide-scrollbars --allow-file-access-from-files --user-data-dir="$work/profile" \
    --proxy-server=127.0.0.1:1 --virtual-time-budget=5000 "$@" 2>"$work/log"
}
for width in 320 390 1280; do
  # A frame of this width; its own script reads how wide the page in it became, and what it loaded.
  cat >"$work/frame.html" <<HTML
<iframe id="frame" width="$width" height="800" style="border:0" src="page.html"></iframe><p id="said"></p>
<script>frame.onload = () => {
  const page = frame.contentDocument, wide = page.documentElement.scrollWidth, loaded = frame.contentWindow.performance.getEntriesByType('resource').length;
  said.textContent = 'tables=' + page.querySelectorAll('section').length + ' bars=' + page.querySelectorAll('rect').length + ' wide=' + wide + ' loaded=' + loaded;
}</script>
HTML
  said=$(browser --dump-dom "file://$work/frame.html" | grep -o 'tables=[0-9][^<]*' || true)
  echo "$width pixels: $said"
  if [ "$said" != "tables=4 bars=96 wide=$width loaded=0" ]; then
    echo "the page does not fit into $width pixels, or is not what it should be" >&2
    cat "$work/log" >&2
    exit 1
  fi
done
if [ "${1:-}" = --picture ]; then
  browser --window-size=390,1210 --force-device-scale-factor=2 --screenshot="$PWD/docs/status-phone.png" "file://$work/page.html"
  cargo run --quiet --bin dashboard-page >"$work/dashboard.html"
  browser --window-size=1200,1270 --screenshot="$PWD/docs/dashboard.png" "file://$work/dashboard.html"
  echo "docs/status-phone.png and docs/dashboard.png are renewed"
fi
