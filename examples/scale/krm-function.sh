#!/bin/sh
# A KRM function that adds the objects of an environment. kustomize starts functions without arguments; kpt needs no script:
# `kpt fn eval --exec "pleach function"`. The functionConfig specifies the environment and the folder of the workspace:
#
#   spec:
#     environment: prod
#     workspace: ../platform     # relative to the working directory; default: .
exec "${PLEACH:-pleach}" function
