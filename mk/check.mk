# SPDX-License-Identifier: MIT
# check.mk - lint, format, types

C_FILES := $(wildcard core/*.[ch] core/*/*.[ch] lwip/*.h lwip/arch/*.h tests/*/*.[ch] tests/c/*/*.[ch] \
	bench/native/*.[ch] js/link/adapter/*/*.c packages/*/core/*.[ch])
SH_FILES := lwip/fetch.sh $(wildcard tools/*.sh tools/*/*.sh tests/*/*.sh) .ci/run
CLANG_FORMAT = $(shell command -v clang-format-14 || echo clang-format)
CLANG_TIDY = $(shell command -v clang-tidy-14 || echo clang-tidy)
LINT_FLAGS := $(STD) -DRINGSTACK_NATIVE $(INCLUDES)

##@ Check
.PHONY: check check-format check-c check-sh check-js check-types check-docs format
## check                all of the following
check: check-format check-c check-sh check-js check-types check-docs
	@echo 'check: no findings'

## check-format         whether C is formatted
check-format:
	$(call require,lint)
	$(call run,FORMAT,C)bad=; for file in $(C_FILES); do \
		$(CLANG_FORMAT) $$file | cmp -s - $$file || bad="$$bad $$file"; done; \
		[ -z "$$bad" ] || { echo "not formatted (make format does it):$$bad"; exit 1; }

## check-sh             shellcheck
check-sh:
	$(call require,lint)
	$(call run,SHELL,$(SH_FILES))shellcheck $(SH_FILES)

## check-c              the compiler's warnings, clang-tidy
# One stamp a file: only what changed is analysed again, and several at once.
check-c: $(patsubst %.c,build/lint/%.ok,$(wildcard core/*.c core/*/*.c tests/c/test_*.c \
	tests/interop/*.c tests/fuzz/*.c bench/native/*.c packages/*/core/*.c tests/wireguard/*.c) $(if $(wildcard /usr/include/linux/if_tun.h),tests/vm/uml_xstate.c))
build/lint/tests/c/%.ok: tests/c/%.c .clang-tidy $(filter %.h,$(C_FILES)) $(LWIPDIR)/Filelists.mk
	$(lint)
build/lint/%.ok: %.c .clang-tidy $(filter %.h,$(C_FILES)) $(LWIPDIR)/Filelists.mk
	$(lint)
define lint
	@mkdir -p $(@D)
	$(call require,lint)
	$(call run,LINT,$<)$(CC) -fsyntax-only -Werror $(WARNINGS) $(LINT_FIRST) $(LINT_FLAGS) $< && \
		{ $(CLANG_TIDY) --quiet $< -- $(LINT_FIRST) $(LINT_FLAGS) >$@.out 2>&1 || \
		{ cat $@.out; false; }; }
	@touch $@
endef
$(RIG_TESTS:%=build/lint/tests/c/%.ok): LINT_FIRST := -Itests/c/lwip_rig
build/lint/tests/fuzz/%.ok: LINT_FIRST := -Itests/fuzz -Itests/c
build/lint/tests/vm/uml_xstate.ok: LINT_FIRST := -D_GNU_SOURCE

## check-js             Biome: format and lint of TypeScript and JavaScript
check-js: node_modules/.package-lock.json
	$(call run,BIOME,.)node_modules/.bin/biome ci --colors=off .

## check-types          tsc
check-types: node_modules/.package-lock.json
	$(call run,TSC,tsconfig.json)node_modules/.bin/tsc -p tsconfig.json

## check-docs           whether the API reference has no warning
# Every warning is an error: a link that leads nowhere, a type that is used and not exported.
check-docs: docs

## format               formats C, TypeScript and JavaScript
format: node_modules/.package-lock.json
	$(call require,lint)
	$(call run,FORMAT,C)$(CLANG_FORMAT) -i $(C_FILES)
	$(call run,FORMAT,TypeScript)node_modules/.bin/biome check --write --colors=off .
