# SPDX-License-Identifier: MIT
# bench.mk - the demo and the benchmarks (bench/README.md)

##@ Benchmarks
.PHONY: bench-page bench-compare bench-report

## demo                 2 GiB over TCP between two stacks (SIZE=512M FILE=path MTU=65520 ENGINE=worker READER=byob …)
# SIZE, FILE, MTU, ENGINE and READER reach it as environment variables.
export SIZE FILE MTU ENGINE READER
demo-run: all
	$(Q)node bench/demo.mjs

## bench                the benchmark suite (ROWS=tap COLUMNS=stream ROUNDS=3 QUICK=1 PEER=package)
# ROWS and COLUMNS choose cells by the beginnings of their ids (commas between), ROUNDS how often each is
# measured, QUICK=1 only what the targets need, once; PEER names a package to measure beside ours.
BENCH_ARGS := $(if $(ROWS),--rows '$(ROWS)') $(if $(COLUMNS),--columns '$(COLUMNS)') \
	$(if $(ROUNDS),--rounds '$(ROUNDS)') $(if $(QUICK),--quick) $(if $(PEER),--peer '$(PEER)')
bench-run: all $(NATIVE_BENCH)
	$(Q)node bench/run.mjs $(BENCH_ARGS)

## bench-browsers       rows of it in browsers
# Node's rows and theirs in one run; other runtimes are measured where `make test-everywhere` has put them.
bench-browsers-run: all
	$(Q)node bench/run.mjs --browsers $(BENCH_ARGS)

## bench-vm             the same with real machines on the other end (ONLY=kernel: the beginnings of tables of bench/vm/)
bench-vm-run: all $(if $(wildcard /usr/include/linux/if_tun.h),build/native/frame_end)
	$(Q)node bench/vm.mjs $(if $(ONLY),--only '$(ONLY)') $(if $(ROUNDS),--rounds '$(ROUNDS)')

## bench-wireguard      a flow through a WireGuard tunnel, handshakes, and wireguard-go at the other end
bench-wireguard-run: all
	$(Q)node bench/wireguard.mjs

## attack               what hostile frames cost, against the same frames dropped at the card (SEED=1; docs/security.md)
attack-run: all
	$(Q)node bench/attack.mjs $(SEED)

## bench-page           a page that measures your own browser, served (PORT=8080 NOT_ISOLATED=1)
bench-page: all
	$(Q)echo 'Open bench/page/ below this address; bench-page NOT_ISOLATED=1 leaves the headers out.'
	$(Q)node tools/page/serve.mjs . $(if $(NOT_ISOLATED),--not-isolated)

## bench-compare        two builds against each other (A=DIR B=DIR SIZE= MTU= READER= CHECKSUM= RUNS=)
# A and B: folders with a build, or commands; SIZE, MTU, READER, CHECKSUM and RUNS vary the transfer.
export CHECKSUM CHUNK RUNS
bench-compare:
	$(Q)$(SETUP) js bench
	$(Q)node bench/compare.mjs '$(A)' '$(B)'

## bench-report         a result into the READMEs (RESULT=file of bench/results/, by default the newest)
bench-report:
	$(Q)node bench/report.mjs $(RESULT)
