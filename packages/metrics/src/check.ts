import { DataError, NonFiniteError, ShapeError } from "@roentgen/core";

/** Numbers in any indexed form: a typed array or a plain one. */
export type Numbers = ArrayLike<number>;

/** Throws ShapeError unless both hold the same number of values; returns that number. */
export function sameLength(who: string, what: string, a: Numbers, other: string, b: Numbers): number {
  if (a.length !== b.length) {
    throw new ShapeError(`${who}: one of ${what} per one of ${other} expected, got ${a.length} and ${b.length}. Pass arrays of one length.`);
  }
  return a.length;
}

/** Throws ShapeError unless `values` holds whole rows of `classes` values; returns the number of rows. */
export function rowsOf(who: string, values: Numbers, classes: number): number {
  if (!Number.isInteger(classes) || classes < 1) throw new ShapeError(`${who}: classes must be a positive integer, got ${classes}.`);
  if (values.length % classes !== 0) {
    throw new ShapeError(`${who}: rows of ${classes} classes expected, got ${values.length} values, which is no whole number of rows.`);
  }
  return values.length / classes;
}

/** Throws NonFiniteError at NaN. Infinities are ordered, so they may be scores. */
export function ordered(who: string, value: number, index: number): number {
  if (Number.isNaN(value)) throw new NonFiniteError(`${who}: scores must be numbers, score ${index} is NaN. Look for a loss that became NaN.`);
  return value;
}

/** Throws DataError unless the label is 0 or 1; tells whether it is 1. */
export function positive(who: string, label: number | undefined, index: number): boolean {
  if (label !== 0 && label !== 1) {
    throw new DataError(`${who}: labels must be 0 or 1, label ${index} is ${label}. Threshold soft labels before scoring.`);
  }
  return label === 1;
}

/** Throws DataError unless `id` is one of the class numbers 0 to classes - 1. */
export function classId(who: string, id: number | undefined, classes: number, index: number): number {
  if (id === undefined || !Number.isInteger(id) || id < 0 || id >= classes) {
    throw new DataError(`${who}: class ids must be integers from 0 to ${classes - 1}, id ${index} is ${id}.`);
  }
  return id;
}
