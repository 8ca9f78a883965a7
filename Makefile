# SPDX-License-Identifier: MIT
# Makefile - builds dist/ (stack.wasm, JavaScript, type declarations), the tests and the demo
#
#   make            all of dist/                      make test     build and run every test
#   make demo       2 GiB over TCP between two stacks make check    format, lint, types
#   make bench      the benchmark suite (bench/)      make size     bytes shipped, and their limits
#   make bench-compare A=DIR B=DIR   two builds       make bench-report   a result into the READMEs
#   make test-everywhere   tests/stack and link in Node, Deno, Bun, Chromium, Firefox, WebKitGTK
#   make bench-browsers   rows of it in browsers      make bench-page     the same by hand, in yours
#   make bench-vm   the same with real machines on the other end
#   make docs       API reference and guides as pages make abi      js/abi.ts from core/abi.h
#   make web        a page to try it, served          make test-web what the pages do, in browsers
#   make vm-demo    Linux in a page, and its network  make vm-demo-build   the same for any static host
#   make format     apply the formatters
#   make test-package   the tarball in fresh projects make release  tools/release.sh: checks, does not publish
#   make setup      install what all this needs       make clean    dist/ and build/ but lwIP's source
#                                                     make distclean  these, node_modules/, it too
#
# V=1 shows commands; PROFILE=1 keeps function names in stack.wasm; EMCC and CC choose compilers.
# demo, test, test-everywhere and bench install what the machine lacks (tools/setup.sh); other goals only name it.

.DEFAULT_GOAL := all
.DELETE_ON_ERROR:
.SUFFIXES:
MAKEFLAGS += --no-builtin-rules

LWIP := build/lwip/patched
LWIPDIR := $(LWIP)/src

# --- Sources -------------------------------------------------------------------------------------

# Algorithms that lwIP's hooks call (lwip/patches/); where lwIP is tested alone, these are with it.
LWIP_EXT := $(patsubst %,core/lwext/%.c,tcp_recovery tcp_rto tcp_tso)
# The core, in the order of its layers; nothing else of core/ is compiled into the module.
CORE_SRC := $(patsubst %,core/%.c,$(addprefix mem/,libc arena heap) $(addprefix util/,random chksum) ring lwip_port \
	$(addprefix iface/,ringif iface route) $(addprefix lwext/,tcp_park tcp_table timers) channel \
	$(addprefix sock/,ring_storage sock sock_event sock_work tcp_rings tcp_data tcp tcp_bind tcp_open tcp_listen \
	protocol) command loop main) $(LWIP_EXT)

# lwIP's own lists. What our options switch off in these files compiles to nothing.
# Goals that compile nothing of lwIP, and those that first install what is missing, do without.
LIGHT_GOALS := help setup demo test test-everywhere test-package test-web test-vm web web-build \
	web-screenshot vm-demo vm-demo-build vm-demo-screenshot release bench bench-browsers bench-vm \
	bench-compare bench-report js abi docs check-format check-sh check-js check-types check-docs format clean distclean
ifneq ($(filter-out $(LIGHT_GOALS),$(or $(MAKECMDGOALS),all)),)
include $(LWIPDIR)/Filelists.mk
endif
LWIP_SRC := $(COREFILES) $(CORE4FILES) $(CORE6FILES) $(LWIPDIR)/netif/ethernet.c

JS_SRC := $(sort $(wildcard js/*.ts js/*/*.ts js/*/*/*.ts js/*/*/*/*.ts))

# Programs of tests/c, each with its own main. Those with "threads" in their name also run under TSan;
# those that include the rig are linked with lwIP alone, the others with the core too.
C_TESTS := $(patsubst tests/c/%.c,%,$(wildcard tests/c/test_*.c))
RIG_TESTS := $(patsubst tests/c/%.c,%,$(shell grep -sl '"lwip_rig/' tests/c/test_*.c))
CORE_TESTS := $(filter-out $(RIG_TESTS),$(C_TESTS))
TSAN_TESTS := $(foreach test,$(CORE_TESTS),$(if $(findstring threads,$(test)),$(test)))

# lwIP's own unit tests; tests/c/lwip_unit/main.c says why these suites and not the others.
LWIP_UNIT_SRC := $(patsubst %,$(LWIP)/test/unit/%.c,arch/sys_arch core/test_def core/test_netif \
	core/test_pbuf etharp/test_etharp ip4/test_ip4 ip6/test_ip6 tcp/tcp_helper tcp/test_tcp \
	tcp/test_tcp_oos tcp/test_tcp_state)

# --- Tools and flags -----------------------------------------------------------------------------

EMCC ?= emcc
ifeq ($(origin CC),default)
CC := cc
endif
# Debian's emcc looks for its JavaScript helpers only beside Debian's own Node.
EMCC_ENV := $(if $(wildcard /usr/share/nodejs/acorn),NODE_PATH=/usr/share/nodejs)

INCLUDES := -Icore -Ilwip -I$(LWIPDIR)/include
WARNINGS := -Wall -Wextra -Wshadow -Wpointer-arith -Wwrite-strings \
	-Wstrict-prototypes -Wmissing-prototypes
# lwIP compares a 16-bit MSS with our window, which has 32 bits.
LWIP_WARNINGS := -Wno-tautological-constant-out-of-range-compare
STD := -std=gnu11

# Speed: wasm-opt runs at -O3; bulk memory makes memcpy and memset single instructions. Unrolled loops make the
# module 3 % larger and no faster, except those over bytes (own_flags).
WASM_SPEED := -O3 -fno-unroll-loops -msimd128 -mbulk-memory
# Shared memory and atomics; the module spawns no thread itself.
WASM_THREADS := -pthread
# Position independent: data base, table base and stack pointer are imports. SIDE_MODULE=2 exports
# only what the source marks for it and comes without JavaScript; with threads emcc finds it
# experimental.
WASM_PIC := -fPIC -fvisibility=hidden -sSIDE_MODULE=2 -Wno-experimental
# -fvisibility=hidden is for definitions only. What is declared must be hidden as well, or the linker
# reaches it through a global offset table and exports it.
WASM_HIDDEN := -include build/hidden.h
# In wasm a place in the arena is an address, and the arena starts at address 0 (core/mem/arena.h).
WASM_NULL := -Wno-null-pointer-arithmetic -Wno-null-pointer-subtraction
WASM_NAMES := $(if $(PROFILE),--profiling-funcs)
WASM_FLAGS := $(WASM_SPEED) $(WASM_THREADS) $(WASM_PIC)

# Where pointers have 64 bits, two of them do not fit into the header of an IPv6 fragment.
NATIVE_FLAGS := $(STD) -O1 -g -fno-omit-frame-pointer -pthread -DRINGSTACK_NATIVE \
	-DIPV6_FRAG_COPYHEADER=1 $(shell pkg-config --cflags check 2>/dev/null)
ASAN_FLAGS := $(NATIVE_FLAGS) -fsanitize=address,undefined -fno-sanitize-recover=undefined
TSAN_FLAGS := $(NATIVE_FLAGS) -fsanitize=thread
CHECK_LIBS := $(shell pkg-config --libs check 2>/dev/null || echo -lcheck -lsubunit -lm -lrt -pthread)

# --- Output --------------------------------------------------------------------------------------

# $(call run,CC,file) opens a command: shows two words, or with V=1 the command itself.
run = $(if $(V),,@printf '  %-7s %s\n' '$(1)' '$(2)'; )
Q := $(if $(V),,@)

# $(call require,GROUP) stops with one line that says what to install, if what tools/setup.sh has in
# that group is missing.
SETUP := EMCC='$(EMCC)' CC='$(CC)' tools/setup.sh
require = $(call refuse,$(shell $(SETUP) --check $(1) 2>&1))
refuse = $(if $(1),$(error $(1)))

# build/FLAVOUR/flags changes only when the flags do, so that changed flags rebuild what they touch.
define flags_file
build/$(1)/flags: FORCE
	@mkdir -p $$(@D); printf '%s\n' '$(2)' | cmp -s - $$@ || { printf '%s\n' '$(2)' >$$@; }
endef

# $(call objects,FLAVOUR,sources): where the objects of sources lie.
objects = $(patsubst %.c,build/$(1)/%.o,$(subst $(LWIP)/,lwip/,$(2)))

# $(call flavour,NAME,label,compiler,flags,include paths before ours): rules for its objects.
define flavour
$(call flags_file,$(1),$(3) $(4) $(5))
build/$(1)/lwip/%.o: $(LWIP)/%.c build/$(1)/flags | build/$(1)/tools
	@mkdir -p $$(@D)
	$$(call run,$(2),$$<)$(3) $(LWIP_WARNINGS) $(4) $$(EXTRA) $(5) $(INCLUDES) -MMD -MP -c $$< -o $$@
build/$(1)/%.o: %.c build/$(1)/flags | build/$(1)/tools $(LWIPDIR)/Filelists.mk
	@mkdir -p $$(@D)
	$$(call run,$(2),$$<)$(3) $(WARNINGS) $(4) $$(EXTRA) $(5) $(INCLUDES) -MMD -MP -c $$< -o $$@
build/$(1)/tools:
	$$(call require,$(if $(filter wasm%,$(1)),wasm,native))
	@mkdir -p $$(@D); touch $$@
DEPS += $$(wildcard build/$(1)/core/*.d build/$(1)/*/*/*.d build/$(1)/tests/c/*/*.d \
	build/$(1)/lwip/*/*/*.d build/$(1)/lwip/*/*/*/*.d)
endef

# --- dist/ ---------------------------------------------------------------------------------------

.PHONY: all wasm js abi FORCE
all: wasm js
wasm: dist/stack.wasm
js: dist/index.js

WASM := wasm$(if $(PROFILE),-profile)
WASM_OBJ := $(call objects,$(WASM),$(CORE_SRC) $(LWIP_SRC))
$(eval $(call flavour,$(WASM),EMCC,$(EMCC_ENV) $(EMCC),$(STD) $(WASM_FLAGS) $(WASM_HIDDEN) \
	$(WASM_NULL)))

$(WASM_OBJ): | build/hidden.h
build/hidden.h:
	@mkdir -p $(@D); echo '#pragma GCC visibility push(hidden)' >$@

# $(call own_flags,objects,flags): flags of some objects beside those of all. A change of them rebuilds all.
define own_flags
$(1:%=build/$(WASM)/%.o): EXTRA += $(2)
OWN_FLAGS += $(2): $(1)
endef

# Rarely run, or once a batch: a fifth of the module at -O3.
# lwIP: connections that open and close, neighbours, control messages, fragments.
WASM_SMALL := $(addprefix lwip/src/core/,netif tcp ipv4/etharp ipv4/icmp ipv4/ip4_addr ipv4/ip4_frag ipv6/icmp6 \
	ipv6/ip6_addr ipv6/ip6_frag ipv6/nd6)
# Ours: set-up, commands, a turn, change of buffers, loops over lists.
WASM_SMALL += $(addprefix core/,mem/arena iface/iface iface/route lwip_port loop main channel command \
	$(addprefix sock/,ring_storage sock_event sock_work tcp tcp_bind tcp_listen tcp_open tcp_rings protocol) \
	$(addprefix lwext/,tcp_park tcp_table timers))
$(eval $(call own_flags,$(WASM_SMALL),-Os))
# The others inline less than -O3 does by itself (225), and are no slower.
WASM_FAST := $(filter-out $(WASM_SMALL),$(WASM_OBJ:build/$(WASM)/%.o=%))
$(eval $(call own_flags,$(WASM_FAST),-mllvm -inline-threshold=100))
# Loops over all bytes of a packet, and the rounds of a cipher.
$(eval $(call own_flags,core/util/chksum core/util/random,-funroll-loops))
# On the path of every packet: byte order by instructions in place, not by a call (lwip/arch/cc.h).
$(eval $(call own_flags,$(addprefix lwip/src/,core/tcp_in core/tcp_out core/inet_chksum core/ipv4/ip4 \
	core/ipv6/ip6 netif/ethernet),-DSWAP_IN_PLACE))

$(eval $(call flags_file,$(WASM)/own,$(OWN_FLAGS)))
$(WASM_OBJ): build/$(WASM)/own/flags

# wasm-opt would put the functions that swap bytes into each of their callers again.
WASM_LINK := -sBINARYEN_EXTRA_PASSES=--flexible-inline-max-function-size=8
# Files with large tables come last: addresses in the first 1024 bytes of data are folded into loads and stores, and
# the tables would push small variables out of these.
WASM_LAST := $(patsubst %,build/$(WASM)/%.o,core/channel lwip/src/core/tcp core/lwext/tcp_park core/lwext/tcp_table \
	core/mem/heap core/main lwip/src/core/stats core/sock/sock core/iface/iface lwip/src/core/ipv4/etharp \
	lwip/src/core/ipv6/nd6)
WASM_IN_ORDER := $(filter-out $(WASM_LAST),$(WASM_OBJ)) $(WASM_LAST)
$(eval $(call flags_file,$(WASM)/link,$(WASM_LINK) $(WASM_IN_ORDER)))
build/$(WASM)/stack.wasm: $(WASM_OBJ) build/$(WASM)/link/flags tools/wasm_imports.mjs
	$(call run,LINK,$@)$(EMCC_ENV) $(EMCC) $(WASM_FLAGS) $(WASM_LINK) $(WASM_NAMES) $(WASM_IN_ORDER) -o $@
	$(Q)node tools/wasm_imports.mjs $@

# dist/ has one module: that of the last build, with or without PROFILE.
dist/stack.wasm: build/$(WASM)/stack.wasm FORCE
	@mkdir -p $(@D); cmp -s $< $@ || install -m 644 $< $@

$(LWIPDIR)/Filelists.mk: lwip/fetch.sh lwip/VERSION lwip/patches $(wildcard lwip/patches/*.patch)
	$(Q)$(call require,source)lwip/fetch.sh && touch $@

node_modules/.package-lock.json: package.json package-lock.json .npmrc
	$(call require,js)
	$(call run,NPM,ci)npm ci --ignore-scripts --no-progress --loglevel=error >/dev/null
	@touch -c $@

$(eval $(call flags_file,js,$(JS_SRC)))
dist/index.js: $(JS_SRC) tsconfig.json tsconfig.build.json tools/build.mjs tools/entries.mjs package.json build/js/flags \
		node_modules/.package-lock.json
	@mkdir -p $(@D)
	$(call run,TSC,js)rm -rf build/types && node_modules/.bin/tsc -p tsconfig.build.json
	$(call run,BUNDLE,$@)node tools/build.mjs

abi: build/host/abi_gen
	$(call run,GEN,js/abi.ts)build/host/abi_gen >build/host/abi.ts && cp build/host/abi.ts js/abi.ts

build/host/abi_gen: core/abi_gen.c core/abi.h
	@mkdir -p $(@D)
	$(call run,HOSTCC,$<)$(CC) $(STD) $(WARNINGS) -O1 -Icore $< -o $@

# --- Native tests --------------------------------------------------------------------------------

$(eval $(call flavour,asan,CC asan,$(CC),$(ASAN_FLAGS)))
$(eval $(call flavour,tsan,CC tsan,$(CC),$(TSAN_FLAGS)))
# lwip_rig/ has its own lwip_port.h; lwip_unit/ its own lwipopts.h, which changes a few options.
$(eval $(call flavour,rig,CC rig,$(CC),$(ASAN_FLAGS),-Itests/c/lwip_rig))
$(eval $(call flavour,unit,CC unit,$(CC),$(ASAN_FLAGS),-Itests/c/lwip_unit -I$(LWIP)/test/unit))

# $(call native_test,FLAVOUR,NAME,objects to link with,flags): the rule for one program of tests/c.
define native_test
build/$(1)/$(2): build/$(1)/tests/c/$(2).o $(3)
	$$(call run,LD $(1),$(2))$(CC) $(4) $$^ $$(CHECK_LIBS) -o $$@
endef
ASAN_LWIP := $(call objects,asan,$(LWIP_SRC))
ASAN_EXT := $(call objects,asan,$(LWIP_EXT))
ASAN_ALL := $(call objects,asan,$(CORE_SRC)) $(ASAN_LWIP)
TSAN_ALL := $(call objects,tsan,$(CORE_SRC) $(LWIP_SRC))
$(foreach test,$(CORE_TESTS),$(eval $(call native_test,asan,$(test),$(ASAN_ALL),$(ASAN_FLAGS))))
$(foreach test,$(TSAN_TESTS),$(eval $(call native_test,tsan,$(test),$(TSAN_ALL),$(TSAN_FLAGS))))
$(foreach test,$(RIG_TESTS),$(eval $(call native_test,rig,$(test),$(ASAN_LWIP) $(ASAN_EXT),$(ASAN_FLAGS))))

LWIP_UNIT_OBJ := $(call objects,unit,$(wildcard tests/c/lwip_unit/*.c) core/util/chksum.c) \
	$(call objects,unit,$(LWIP_UNIT_SRC) $(LWIP_SRC) $(LWIP_EXT))
build/unit/lwip_unit: $(LWIP_UNIT_OBJ)
	$(call run,LD unit,lwip_unit)$(CC) $(ASAN_FLAGS) $^ $(CHECK_LIBS) -o $@

# Modules for tests of C against JavaScript: build/test/NAME.wasm from tests/interop/NAME.c.
TEST_WASM := $(patsubst tests/interop/%.c,build/test/%.wasm,$(wildcard tests/interop/*.c))
build/test/%.wasm: build/$(WASM)/tests/interop/%.o build/$(WASM)/core/ring.o build/$(WASM)/core/mem/libc.o
	@mkdir -p $(@D)
	$(call run,LINK,$@)$(EMCC_ENV) $(EMCC) $(WASM_FLAGS) $^ -o $@
	$(Q)node tools/wasm_imports.mjs $@
build/$(WASM)/tests/interop/%.o: | build/hidden.h
.PRECIOUS: build/$(WASM)/tests/interop/%.o

NATIVE_TESTS := $(CORE_TESTS:%=build/asan/%) $(TSAN_TESTS:%=build/tsan/%) \
	$(RIG_TESTS:%=build/rig/%) build/unit/lwip_unit

# The verbs of core/ring.c alone, for tests/interop.
SHIM_OBJ := $(call objects,$(WASM),tests/interop/ring_shim.c core/ring.c core/mem/libc.c)
$(SHIM_OBJ): | build/hidden.h
build/test/ring_shim.wasm: $(SHIM_OBJ) tools/wasm_imports.mjs
	@mkdir -p $(@D)
	$(call run,LINK,$@)$(EMCC_ENV) $(EMCC) $(WASM_FLAGS) $(SHIM_OBJ) -o $@
	$(Q)node tools/wasm_imports.mjs $@

# What the TypeScript tests load.
TEST_JS := all build/host/abi_gen build/test/ring_shim.wasm

# --- Native benchmark ------------------------------------------------------------------------------

# The core as the benchmarks compare it with wasm: as fast as the compiler makes it. lwIP has one stack
# a program, so two copies of a shared library are loaded.
BENCH_FLAGS := $(STD) -O3 -fPIC -fvisibility=hidden -pthread -DRINGSTACK_NATIVE \
	-DIPV6_FRAG_COPYHEADER=1 -DNDEBUG
$(eval $(call flavour,native,CC O3,$(CC),$(BENCH_FLAGS)))
CORE_END := $(call objects,native,bench/native/core_end.c $(CORE_SRC) $(LWIP_SRC))
build/native/core_client.so build/native/core_server.so: $(CORE_END)
	$(call run,LD O3,$@)$(CC) $(BENCH_FLAGS) -shared $^ -o $@
build/native/core_pair: build/native/bench/native/core_pair.o
	$(call run,LD O3,$@)$(CC) $(BENCH_FLAGS) $^ -ldl -o $@
build/native/kernel_end: build/native/bench/native/kernel_end.o
	$(call run,LD O3,$@)$(CC) $(BENCH_FLAGS) $^ -o $@
build/native/frame_end: build/native/bench/native/frame_end.o
	$(call run,LD O3,$@)$(CC) $(BENCH_FLAGS) $^ -o $@
# Linux's TCP as a baseline needs Linux, and so do its devices.
NATIVE_BENCH := build/native/core_pair build/native/core_client.so build/native/core_server.so \
	$(if $(wildcard /usr/include/linux/if_tun.h),build/native/kernel_end)

# --- Goals that run something --------------------------------------------------------------------

.PHONY: help setup test test-run test-native test-patches test-js test-everywhere everywhere-run test-web \
	test-web-run test-package test-package-run test-vm test-vm-run demo demo-run bench bench-run \
	bench-browsers bench-browsers-run bench-vm bench-vm-run bench-page bench-compare bench-report size docs release
# Every goal that tests ends in it: what failed, and "N passed, N failed".
RUN_TESTS := node tools/test/run.mjs
help:
	@sed -n '4,/^$$/s/^# \{0,1\}//p' Makefile

setup:
	$(Q)$(SETUP) source wasm js native lint

# setup comes first, and the rest in a second make, which finds what was installed.
test:
	$(Q)$(SETUP) source wasm js native
	$(Q)$(MAKE) --no-print-directory test-run

# The sizes are shown first, and fail it only after every test has run.
test-run: $(TEST_JS) $(NATIVE_TESTS)
	$(Q)node tools/size.mjs; size=$$?; $(RUN_TESTS) --projects 'unit inline worker' $(NATIVE_TESTS) && \
		exit $$size

test-native: $(NATIVE_TESTS)
	$(Q)$(RUN_TESTS) $(NATIVE_TESTS)

# Takes each patch of lwIP back in turn and sees its tests fail; some minutes.
test-patches: $(LWIPDIR)/Filelists.mk
	$(Q)tests/c/lwip_patches_needed.sh

# The tests of the public API in every runtime and browser; RUNTIMES and FILES choose by the beginnings of
# names (commas between), CHOSEN=1 takes the part that CI runs. Browsers that cannot be installed here are rows
# that say so.
RUNTIMES_DIR := build/everywhere/runtimes
export RUNTIMES FILES CHOSEN
test-everywhere:
	$(Q)$(SETUP) source wasm js
	$(Q)for group in browsers webkit; do $(SETUP) $$group || true; done
	$(Q)$(MAKE) --no-print-directory everywhere-run

$(RUNTIMES_DIR)/node_modules/.package-lock.json: $(wildcard tests/everywhere/runtimes/*.json)
	@mkdir -p $(RUNTIMES_DIR) && cp $^ .npmrc $(RUNTIMES_DIR)
	$(call run,NPM,runtimes)cd $(RUNTIMES_DIR) && \
		npm ci --ignore-scripts --no-progress --loglevel=error >/dev/null
	@touch -c $@

everywhere-run: all $(RUNTIMES_DIR)/node_modules/.package-lock.json
	$(Q)node_modules/.bin/esbuild tests/everywhere/main.ts --bundle --platform=node --format=esm \
		--packages=external '--external:../../tools/*' --log-level=error \
		--outfile=build/everywhere/main.mjs
	$(Q)node build/everywhere/main.mjs

test-js: $(TEST_JS)
	$(Q)$(RUN_TESTS) --projects 'unit inline worker'

# What the pages of docs/ and web/ do, in the browsers of this machine.
test-web:
	$(Q)$(SETUP) source wasm js browsers guest
	$(Q)$(MAKE) --no-print-directory test-web-run

test-web-run: all
	$(Q)$(RUN_TESTS) --projects web

# The tarball in fresh projects, with bundlers, in Chromium (tests/package/).
test-package:
	$(Q)$(SETUP) source wasm js browsers
	$(Q)$(MAKE) --no-print-directory test-package-run

test-package-run: build/package/node_modules/.package-lock.json build/package/ringstack.tgz
	$(Q)$(RUN_TESTS) --projects package

build/package/ringstack.tgz: all FORCE
	$(call run,PACK,$@)node tools/pack.mjs $@

build/package/node_modules/.package-lock.json: tests/package/package.json \
		tests/package/package-lock.json .npmrc
	$(call require,js)
	@mkdir -p $(@D); cp $^ build/package/
	$(call run,NPM,ci build/package)npm ci --prefix build/package --ignore-scripts --no-progress \
		--prefer-offline --loglevel=error >/dev/null
	@touch -c $@

# Real machines on the other end of the wire. ONLY chooses files by a part of their names.
test-vm:
	$(Q)$(SETUP) source wasm js native vm
	$(Q)$(MAKE) --no-print-directory test-vm-run

# Without it User-mode Linux dies on a processor with a large register state.
build/vm/uml_xstate.so: tests/vm/uml_xstate.c
	@mkdir -p $(@D)
	$(call run,HOSTCC,$<)$(CC) $(STD) $(WARNINGS) -O2 -fPIC -shared $< -ldl -o $@

test-vm-run: all $(if $(wildcard /usr/include/linux/if_tun.h),build/vm/uml_xstate.so)
	$(Q)mkdir -p build/vm; tests/vm/guests.sh || true
	$(Q)$(RUN_TESTS) --projects vm --table --files '$(ONLY)'

demo:
	$(Q)$(SETUP) source wasm js
	$(Q)$(MAKE) --no-print-directory demo-run

# SIZE, FILE, MTU, ENGINE and READER reach it as environment variables.
export SIZE FILE MTU ENGINE READER
demo-run: all
	$(Q)node bench/demo.mjs

# ROWS and COLUMNS choose cells by the beginnings of their ids (commas between), ROUNDS how often each is
# measured, QUICK=1 only what the targets need, once; PEER names a package to measure beside ours.
BENCH_ARGS := $(if $(ROWS),--rows '$(ROWS)') $(if $(COLUMNS),--columns '$(COLUMNS)') \
	$(if $(ROUNDS),--rounds '$(ROUNDS)') $(if $(QUICK),--quick) $(if $(PEER),--peer '$(PEER)')
bench:
	$(Q)$(SETUP) source wasm js native
	$(Q)$(MAKE) --no-print-directory bench-run

bench-run: all $(NATIVE_BENCH)
	$(Q)node bench/run.mjs $(BENCH_ARGS)

# Node's rows and theirs in one run; other runtimes are measured where `make test-everywhere` has put them.
bench-browsers:
	$(Q)$(SETUP) source wasm js browsers
	$(Q)$(MAKE) --no-print-directory bench-browsers-run

bench-browsers-run: all
	$(Q)node bench/run.mjs --browsers $(BENCH_ARGS)

# Real machines on the other end; ONLY chooses tables of bench/vm/ by the beginnings of their names.
bench-vm:
	$(Q)$(SETUP) source wasm js vm
	$(Q)$(MAKE) --no-print-directory bench-vm-run

bench-vm-run: all $(if $(wildcard /usr/include/linux/if_tun.h),build/native/frame_end)
	$(Q)node bench/vm.mjs $(if $(ONLY),--only '$(ONLY)') $(if $(ROUNDS),--rounds '$(ROUNDS)')

bench-page: all
	$(Q)echo 'Open bench/page/ below this address; bench-page NOT_ISOLATED=1 leaves the headers out.'
	$(Q)node tools/page/serve.mjs . $(if $(NOT_ISOLATED),--not-isolated)

# A and B: folders with a build, or commands; SIZE, MTU, READER, CHECKSUM and RUNS vary the transfer.
export CHECKSUM CHUNK RUNS
bench-compare:
	$(Q)$(SETUP) js bench
	$(Q)node bench/compare.mjs '$(A)' '$(B)'

# RESULT: a file of bench/results/, by default the newest.
bench-report:
	$(Q)node bench/report.mjs $(RESULT)

size: all
	$(Q)node tools/size.mjs

# The page of web/: `web` serves it (PORT, HOST), `web-build` leaves it in build/web for any static host
# (SERVICE_WORKER=1: one that sends no headers of ours), `web-screenshot` takes docs/try-it.png. That of web/vm/
# in the same ways: `vm-demo`, `vm-demo-build` (build/vm-demo), `vm-demo-screenshot` (docs/vm-demo.png); its guest
# is fetched and booted once, into build/vm/v86.
PAGE_STEPS := $(addsuffix -run,web web-build web-screenshot vm-demo vm-demo-build vm-demo-screenshot)
.PHONY: $(PAGE_STEPS:-run=) $(PAGE_STEPS)
export PORT HOST SERVICE_WORKER
web web-build web-screenshot vm-demo vm-demo-build vm-demo-screenshot:
	$(Q)$(SETUP) source wasm js $(if $(filter vm-%,$@),guest) $(if $(filter %-screenshot,$@),browsers)
	$(Q)$(MAKE) --no-print-directory $@-run

web-run vm-demo-run: PAGE_STEP := serve
web-build-run vm-demo-build-run: PAGE_STEP := build
web-screenshot-run vm-demo-screenshot-run: PAGE_STEP := screenshot
$(PAGE_STEPS): all
	$(Q)node tools/page/$(if $(filter vm-%,$@),vm_demo,web).mjs $(PAGE_STEP)

docs: node_modules/.package-lock.json
	$(call run,TYPEDOC,build/docs)node_modules/.bin/typedoc --logLevel Warn

# DRY_RUN=1 leaves the long tests out, and names the tarball accordingly.
release:
	$(Q)tools/release.sh $(if $(DRY_RUN),--dry-run)

# --- Lint ----------------------------------------------------------------------------------------

C_FILES := $(wildcard core/*.[ch] core/*/*.[ch] lwip/*.h lwip/arch/*.h tests/*/*.[ch] tests/c/*/*.[ch] \
	bench/native/*.[ch] js/link/adapter/*/*.c)
SH_FILES := lwip/fetch.sh $(wildcard tools/*.sh tools/*/*.sh tests/*/*.sh) .ci/run
CLANG_FORMAT = $(shell command -v clang-format-14 || echo clang-format)
CLANG_TIDY = $(shell command -v clang-tidy-14 || echo clang-tidy)
LINT_FLAGS := $(STD) -DRINGSTACK_NATIVE $(INCLUDES)

.PHONY: check check-format check-c check-sh check-js check-types check-docs format
check: check-format check-c check-sh check-js check-types check-docs
	@echo 'check: no findings'

check-format:
	$(call require,lint)
	$(call run,FORMAT,C)bad=; for file in $(C_FILES); do \
		$(CLANG_FORMAT) $$file | cmp -s - $$file || bad="$$bad $$file"; done; \
		[ -z "$$bad" ] || { echo "not formatted (make format does it):$$bad"; exit 1; }

check-sh:
	$(call require,lint)
	$(call run,SHELL,$(SH_FILES))shellcheck $(SH_FILES)

# One stamp a file: only what changed is analysed again, and several at once.
check-c: $(patsubst %.c,build/lint/%.ok,$(wildcard core/*.c core/*/*.c tests/c/test_*.c \
	tests/interop/*.c bench/native/*.c))
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

check-js: node_modules/.package-lock.json
	$(call run,BIOME,.)node_modules/.bin/biome ci --colors=off .

check-types: node_modules/.package-lock.json
	$(call run,TSC,tsconfig.json)node_modules/.bin/tsc -p tsconfig.json

# Every warning is an error: a link that leads nowhere, a type that is used and not exported.
check-docs: docs

format: node_modules/.package-lock.json
	$(call require,lint)
	$(call run,FORMAT,C)$(CLANG_FORMAT) -i $(C_FILES)
	$(call run,FORMAT,TypeScript)node_modules/.bin/biome check --write --colors=off .

.PHONY: clean distclean
clean:
	$(Q)find build -mindepth 1 -maxdepth 1 ! -name lwip -exec rm -rf {} + 2>/dev/null || true
	$(Q)rm -rf dist

distclean:
	$(Q)rm -rf build dist node_modules

-include $(DEPS)
