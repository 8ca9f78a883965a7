# SPDX-License-Identifier: MIT
# fuzz.mk - coverage-guided fuzzing of the core by libFuzzer (theory of operation: tests/fuzz/fuzz.c), and long random runs

FUZZ_CC := $(shell command -v clang-14 || echo clang)
# Of the sanitizers' flags, those that clang has too; in a program for coverage there are none.
FUZZ_BASE := $(filter-out -O1,$(NATIVE_FLAGS)) -DAPPS=64u
FUZZ_FLAGS := $(FUZZ_BASE) -O1 -D__SANITIZE_ADDRESS__ -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined
COVER_FLAGS := $(FUZZ_BASE) -O1 -fprofile-instr-generate -fcoverage-mapping
FUZZ_PATHS := -Itests/fuzz -Itests/c
$(eval $(call flavour,fuzz,CC fuzz,$(FUZZ_CC),$(FUZZ_FLAGS),$(FUZZ_PATHS)))
$(eval $(call flavour,cover,CC cover,$(FUZZ_CC),$(COVER_FLAGS),$(FUZZ_PATHS)))

FUZZ_TARGETS := $(patsubst tests/fuzz/fuzz_%.c,%,$(wildcard tests/fuzz/fuzz_*.c))
FUZZ_CORE := $(filter-out core/mem/heap.c,$(CORE_SRC)) tests/fuzz/heap_guard.c $(LWIP_SRC)
# That of a target which is about something else.
FUZZ_CORE_wireguard := $(filter-out %/main.c %/memory.c,$(wildcard $(WG)/core/*.c))

# $(call fuzz_target,FLAVOUR,TARGET,flags of the linker): what begins anew lies between the halves of state.c.
define fuzz_target
build/$(1)/fuzz_$(2): build/$(1)/state_begin.o $(call objects,$(1),tests/fuzz/fuzz_$(2).c $(or $(FUZZ_CORE_$(2)),$(FUZZ_CORE))) \
		build/$(1)/state_end.o build/$(1)/fuzz.o
	$$(call run,LD $(1),fuzz_$(2))$(FUZZ_CC) $(3) $$^ -o $$@
endef
$(foreach target,$(FUZZ_TARGETS),$(eval $(call fuzz_target,fuzz,$(target),$(subst fuzzer-no-link,fuzzer,$(FUZZ_FLAGS)))))
$(foreach target,$(FUZZ_TARGETS),$(eval $(call fuzz_target,cover,$(target),$(COVER_FLAGS) -fsanitize=fuzzer)))
# Branches of a target tell nothing of the core, and most compares are there.
$(call objects,fuzz,$(FUZZ_TARGETS:%=tests/fuzz/fuzz_%.c) tests/fuzz/heap_guard.c): EXTRA := -fno-sanitize=fuzzer-no-link
# Nothing of an input is an address or a branch there, and it takes most of the time.
$(call objects,fuzz,$(WG)/core/x25519.c): EXTRA := -O2 -fno-sanitize=fuzzer-no-link,address,undefined
# Without sanitizers: what lies between variables is copied, too, and its branches tell nothing of the core.
FUZZ_PLAIN = @mkdir -p $(@D); $(FUZZ_CC) $(WARNINGS) $(STD) -O2 -g
build/%/state_begin.o: tests/fuzz/state.c
	$(FUZZ_PLAIN) -c $< -o $@
build/%/state_end.o: tests/fuzz/state.c
	$(FUZZ_PLAIN) -DSTATE_END -c $< -o $@
build/%/fuzz.o: tests/fuzz/fuzz.c tests/fuzz/fuzz.h
	$(FUZZ_PLAIN) -c $< -o $@

# Of all targets, or of TARGET.
FUZZ_CHOSEN = $(or $(TARGET),$(FUZZ_TARGETS))
FUZZ_PROGRAMS = $(FUZZ_CHOSEN:%=build/fuzz/fuzz_%)
.PHONY: fuzz-merge

##@ Fuzz and soak
## fuzz                 hostile inputs into the core by libFuzzer (SECONDS=60 of each target, TARGET=stack, SEED=1)
fuzz-run: $(FUZZ_PROGRAMS)
	$(Q)node tests/fuzz/run.mjs --seconds '$(or $(SECONDS),60)' --seed '$(or $(SEED),1)' $(FUZZ_CHOSEN)

## test-fuzz            the committed corpus, and the same inputs behind it each time (RUNS=2000 of each target)
test-fuzz-run: $(FUZZ_PROGRAMS)
	$(Q)node tests/fuzz/run.mjs --runs '$(or $(RUNS),2000)' $(FUZZ_CHOSEN)

## fuzz-coverage        which lines of the core the corpora reach, file by file
fuzz-coverage-run: $(FUZZ_TARGETS:%=build/cover/fuzz_%)
	$(Q)for target in $(FUZZ_TARGETS); do \
		mkdir -p tests/fuzz/corpus/$$target build/fuzz/corpus/$$target; LLVM_PROFILE_FILE=build/cover/$$target.raw \
		build/cover/fuzz_$$target -runs=0 -max_len=4096 tests/fuzz/corpus/$$target build/fuzz/corpus/$$target \
		>/dev/null 2>&1 || exit 1; done
	$(Q)$(subst clang,llvm-profdata,$(FUZZ_CC)) merge \
		$(FUZZ_TARGETS:%=build/cover/%.raw) -o build/cover/all.profile
	$(Q)$(subst clang,llvm-cov,$(FUZZ_CC)) report \
		-instr-profile=build/cover/all.profile -ignore-filename-regex='tests/' \
		$(firstword $(FUZZ_TARGETS:%=build/cover/fuzz_%)) \
		$(addprefix -object ,$(wordlist 2,99,$(FUZZ_TARGETS:%=build/cover/fuzz_%)))

## fuzz-merge           the short inputs of build/fuzz/corpus that reach something new, into the committed one
fuzz-merge: $(FUZZ_PROGRAMS)
	$(Q)for target in $(FUZZ_CHOSEN); do \
		mkdir -p tests/fuzz/corpus/$$target build/fuzz/corpus/$$target; build/fuzz/fuzz_$$target -merge=1 \
		-set_cover_merge=1 -use_counters=0 -max_len=180 tests/fuzz/corpus/$$target build/fuzz/corpus/$$target || exit 1; done

## soak                 random operations under random faults, both engines, memory flat (MINUTES=5 SEED=)
soak-run: all
	$(Q)node --expose-gc tests/soak/soak.mjs --minutes '$(or $(MINUTES),5)' $(if $(SEED),--seed '$(SEED)')
