# SPDX-License-Identifier: MIT
# pages.mk - the pages of web/ and web/vm/, the API reference

##@ Pages
.PHONY: docs

## web                  a page to try it, served (PORT=8080 HOST=127.0.0.1)
## web-build            the same in build/web, for any static host (SERVICE_WORKER=1: one that sends no headers of yours)
## web-screenshot       docs/try-it.png
## vm-demo              two Linux guests on a network in a page, served; the guest is fetched and booted once
## vm-demo-build        the same in build/vm-demo, for any static host
## vm-demo-screenshot   docs/vm-demo.png

export PORT HOST SERVICE_WORKER
PAGE_STEPS := $(addsuffix -run,web web-build web-screenshot vm-demo vm-demo-build vm-demo-screenshot)
web-run vm-demo-run: PAGE_STEP := serve
web-build-run vm-demo-build-run: PAGE_STEP := build
web-screenshot-run vm-demo-screenshot-run: PAGE_STEP := screenshot
$(PAGE_STEPS): all
	$(Q)node tools/page/$(if $(filter vm-%,$@),vm_demo,web).mjs $(PAGE_STEP)

## docs                 API reference and guides as pages, in build/docs
docs: node_modules/.package-lock.json
	$(call run,TYPEDOC,build/docs)node_modules/.bin/typedoc --logLevel Warn
