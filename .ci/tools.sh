# Sourced by what needs the tools of `requirements.txt`, from the root of the repository: installs them once and leaves their folder in `tools`.
tools=target/ci-tools
if ! cmp -s .ci/requirements.txt "$tools/requirements.txt"; then
  rm -rf "$tools"
  python3 -m venv "$tools"
  "$tools/bin/pip" install --quiet --disable-pip-version-check -r .ci/requirements.txt
  cp .ci/requirements.txt "$tools/requirements.txt"
fi
