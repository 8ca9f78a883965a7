# SPDX-License-Identifier: MIT
# Makefile - builds dist/ (stack.wasm, JavaScript, type declarations), runs tests, benchmarks and pages
#
# `make help` names every goal. Its lines begin with '##' here and in mk/, each beside the rule of the goal:
#
#   mk/staged.mk   goals that install what they lack     mk/native.mk  native programs
#   mk/sources.mk  lists of files                        mk/test.mk    goals that test
#   mk/flags.mk    compilers and flags                   mk/bench.mk   the demo and benchmarks
#   mk/rules.mk    what rules are made of                mk/pages.mk   pages and documentation
#   mk/dist.mk     dist/                                 mk/check.mk   lint, format, types
#   mk/wireguard.mk  packages/wireguard/dist/            mk/fuzz.mk    fuzzing of the core

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

include mk/staged.mk mk/sources.mk mk/flags.mk mk/rules.mk mk/dist.mk mk/native.mk mk/wireguard.mk mk/test.mk mk/fuzz.mk mk/bench.mk mk/pages.mk mk/check.mk

##@ Other
.PHONY: help setup release clean distclean

## help                 this list
help:
	@awk '/^##@/ { print "\n" substr($$0, 5) } /^## / { print "  " substr($$0, 4) }' \
		mk/dist.mk mk/wireguard.mk mk/test.mk mk/fuzz.mk mk/check.mk mk/bench.mk mk/pages.mk Makefile

## setup                installs what building, testing and checking need (tools/setup.sh)
setup:
	$(Q)$(SETUP) source wasm js native lint

## release              tools/release.sh: builds, tests and packs a release, publishes nothing (DRY_RUN=1: without the long tests)
release:
	$(Q)tools/release.sh $(if $(DRY_RUN),--dry-run)

## clean                removes dist/ and build/, but not the source of lwIP
clean:
	$(Q)find build -mindepth 1 -maxdepth 1 ! -name lwip -exec rm -rf {} + 2>/dev/null || true
	$(Q)rm -rf dist packages/*/dist

## distclean            removes that too, and node_modules/
distclean:
	$(Q)rm -rf build dist packages/*/dist node_modules

##@ Goals of Test, Benchmarks and Pages install what the machine lacks (tools/setup.sh); others only name it.
##@ V=1 shows commands; PROFILE=1 keeps function names in stack.wasm; EMCC and CC choose compilers.

-include $(DEPS)
