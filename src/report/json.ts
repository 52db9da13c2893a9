import { jsonText } from './json-text.ts';
import { chosenFields, fieldValue, type Renderer } from './report.ts';

/** The whole answer as one JSON document. */
export const json: Renderer = {
  name: 'json',
  *render({ data, records }, { fields }) {
    if (fields === undefined || records === undefined) {
      yield `${jsonText({ schemaVersion: 1, ...data })}\n`;
      return;
    }
    const chosen = chosenFields(records, fields);
    const rows = records.rows.map(row => Object.fromEntries(chosen.map(({ name }) => [name, fieldValue(row, name)])));
    yield `${jsonText({ schemaVersion: 1, ...data, [records.name]: rows })}\n`;
  },
};
