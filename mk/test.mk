# SPDX-License-Identifier: MIT
# test.mk - goals that test; each ends in what failed, and "N passed, N failed"

RUN_TESTS := node tools/test/run.mjs

##@ Test
.PHONY: test-native test-patches test-js

## test                 every test of C and TypeScript; sizes too
# The sizes are shown first, and fail it only after every test has run.
test-run: $(TEST_JS) $(NATIVE_TESTS)
	$(Q)node tools/size.mjs; size=$$?; $(RUN_TESTS) --projects 'unit inline worker' $(NATIVE_TESTS) && \
		exit $$size

## test-native          the tests of C alone, under sanitizers
test-native: $(NATIVE_TESTS)
	$(Q)$(RUN_TESTS) $(NATIVE_TESTS)

## test-js              the tests of TypeScript alone
test-js: $(TEST_JS)
	$(Q)$(RUN_TESTS) --projects 'unit inline worker'

## test-patches         takes each patch of lwIP back in turn and sees its tests fail; some minutes
test-patches: $(LWIPDIR)/Filelists.mk
	$(Q)tests/c/lwip_patches_needed.sh

## test-everywhere      the tests of the public API in every runtime and browser (RUNTIMES=node,firefox FILES=tcp CHOSEN=1)
# RUNTIMES and FILES choose by the beginnings of names, CHOSEN=1 takes the part that CI runs
# (tests/everywhere/chosen.ts). Browsers that cannot be installed here are rows that say so.
RUNTIMES_DIR := build/everywhere/runtimes
export RUNTIMES FILES CHOSEN
$(RUNTIMES_DIR)/node_modules/.package-lock.json: $(wildcard tests/everywhere/runtimes/*.json)
	@mkdir -p $(RUNTIMES_DIR) && cp $^ .npmrc $(RUNTIMES_DIR)
	$(call run,NPM,runtimes)cd $(RUNTIMES_DIR) && \
		npm ci --ignore-scripts --no-progress --loglevel=error >/dev/null
	@touch -c $@

test-everywhere-run: all $(RUNTIMES_DIR)/node_modules/.package-lock.json
	$(Q)node_modules/.bin/esbuild tests/everywhere/main.ts --bundle --platform=node --format=esm \
		--packages=external '--external:../../tools/*' --log-level=error \
		--outfile=build/everywhere/main.mjs
	$(Q)node build/everywhere/main.mjs

## test-web             what the pages of docs/ and web/ do, in the browsers of this machine
test-web-run: all
	$(Q)$(RUN_TESTS) --projects web

## test-package         the tarballs in fresh projects, with bundlers, in Chromium
test-package-run: build/package/node_modules/.package-lock.json build/package/ringstack.tgz \
		build/package/ringstack-wireguard.tgz build/package/ringstack-node.tgz
	$(Q)$(RUN_TESTS) --projects package

build/package/ringstack.tgz: all FORCE
	$(call run,PACK,$@)node tools/pack.mjs $@

build/package/ringstack-%.tgz: all FORCE
	@mkdir -p $(@D)
	$(call run,PACK,$@)npm pack --silent --ignore-scripts --pack-destination $(@D) ./packages/$* >/dev/null && \
		mv $(@D)/ringstack-$*-[0-9]*.tgz $@

build/package/node_modules/.package-lock.json: tests/package/package.json \
		tests/package/package-lock.json .npmrc
	$(call require,js)
	@mkdir -p $(@D); cp $^ build/package/
	$(call run,NPM,ci build/package)npm ci --prefix build/package --ignore-scripts --no-progress \
		--prefer-offline --loglevel=error >/dev/null
	@touch -c $@

## test-vm              real machines on the other end of the wire (ONLY='kernel slirp': a part of the names of files)
# Without it User-mode Linux dies on a processor with a large register state.
build/vm/uml_xstate.so: tests/vm/uml_xstate.c
	@mkdir -p $(@D)
	$(call run,HOSTCC,$<)$(CC) $(STD) $(WARNINGS) -D_GNU_SOURCE -O2 -fPIC -shared $< -ldl -o $@

test-vm-run: all $(if $(wildcard /usr/include/linux/if_tun.h),build/vm/uml_xstate.so)
	$(Q)mkdir -p build/vm; tests/vm/guests.sh || true
	$(Q)$(RUN_TESTS) --projects vm --table --files '$(ONLY)'

## test-node-suite      Node's own tests of net, http, dgram and dns on a stack (PARTS=net,http NODE=path of another node)
test-node-suite-run: all
	$(Q)tests/node_suite/fetch.sh
	$(Q)$(or $(NODE),node) tests/node_suite/run.mjs build/node-suite/node '$(PARTS)'

## test-node-libraries  express, ws, pg and others over a stack, with servers of Debian
test-node-libraries-run: all build/node-libraries/node_modules/.package-lock.json
	$(Q)cp -r tests/node_libraries/programs build/node-libraries/
	$(Q)$(or $(NODE),node) tests/node_libraries/run.mjs

build/node-libraries/node_modules/.package-lock.json: $(wildcard tests/node_libraries/*.json) .npmrc
	@mkdir -p $(@D); cp $^ build/node-libraries/
	$(call run,NPM,ci build/node-libraries)npm ci --prefix build/node-libraries --ignore-scripts --no-progress \
		--prefer-offline --loglevel=error >/dev/null
	@touch -c $@
