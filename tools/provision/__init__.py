# SPDX-FileCopyrightText: 2026 the startcity authors
# SPDX-License-Identifier: EUPL-1.2
"""What decides in `startcity provision`: the steps of a node, what each check asks for, and the state that outlives a stop."""
