"""Why a gradient is wrong: mistakes that give the same numbers, and the smallest case that fails."""
