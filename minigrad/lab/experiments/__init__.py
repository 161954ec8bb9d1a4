"""The experiments, one in each file, which has an `EXPERIMENT`. (Read identity.py first.)"""
