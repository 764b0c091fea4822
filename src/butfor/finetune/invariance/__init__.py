"""Invariance: what causes a label works in every environment; what only comes along with it does not.

groups      which group a row belongs to, from its columns; what all five methods share
irm         one classifier is the best one in every environment
vrex        the environments' losses are equal
group_dro   the worst group counts most
coral, mmd  what the model makes of the rows has the same covariance, or distribution, in every group
"""
