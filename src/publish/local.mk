# SPDX-License-Identifier: Apache-2.0
pack_sources += src/publish/publish.h
