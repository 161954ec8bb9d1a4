"""Whether the checks would notice: formulas with one mistake put in, each to be killed or explained."""
