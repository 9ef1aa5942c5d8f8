#!/bin/sh
# Makes test/k8s/crds.json: the parts of KServe's CRD schemas that k8s/ uses.
# Usage: scripts/fetch-crds.sh [REPOSITORY]; any git URL or folder that has the tag below.
set -eu

tag=v0.20.0
repository=${1:-https://github.com/kserve/kserve}
project=$(cd "$(dirname "$0")/.." && pwd)
clone=$(mktemp -d)
trap 'rm -rf "$clone"' EXIT

git clone --quiet --bare --depth 1 --branch "$tag" -c advice.detachedHead=false \
  "$repository" "$clone/kserve"
show() {
  # "Full", since the other edition accepts unknown fields.
  git --git-dir "$clone/kserve" show "$tag:config/crd/full/$1" > "$clone/$(basename "$1")"
}
for kind in clusterservingruntimes servingruntimes inferenceservices inferencegraphs trainedmodels; do
  show "serving.kserve.io_$kind.yaml"
done
show clusterstoragecontainer/serving.kserve.io_clusterstoragecontainers.yaml

cd "$project"
node test/k8s/trim-crds.ts "$tag" "$clone"/serving.kserve.io_*.yaml > "$clone/crds.json"
node_modules/.bin/biome format --stdin-file-path=test/k8s/crds.json \
  < "$clone/crds.json" > test/k8s/crds.json
