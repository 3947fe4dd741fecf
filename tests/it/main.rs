//! Drives the shipped binary as the Functions host does, against Azurite and the stand-in for Axiom.

mod support;

mod rows;
