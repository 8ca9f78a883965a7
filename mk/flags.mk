# SPDX-License-Identifier: MIT
# flags.mk - compilers and their flags

EMCC ?= emcc
ifeq ($(origin CC),default)
CC := cc
endif
# Debian's emcc looks for its JavaScript helpers only beside Debian's own Node.
EMCC_ENV = $(if $(wildcard /usr/share/nodejs/acorn),NODE_PATH=/usr/share/nodejs) EMSDK_PYTHON='$(PYTHON)'
# The program itself: where python3 is a script of pyenv, it takes 0.7 s to start instead of 0.1, for every file.
PYTHON = $(eval PYTHON := $(shell python3 -c 'import sys; print(sys.executable)'))$(PYTHON)

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
