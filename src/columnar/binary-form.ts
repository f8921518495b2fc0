/**
 * From a type to the functions that turn its binary form into text: the form of its output function, or JSON for parts of
 * a JSON value.
 */
import { arrayJson, compositeJson, writeHstoreJson } from './binary-json.ts'
import { multirangeForm, rangeForm } from './binary-range-text.ts'
import { type FormWriter, SCALAR_FORMS } from './binary-scalar-text.ts'
import { NO_BINARY_DECODER, OK, UNPAIRED_SURROGATE } from './decode-outcome.ts'
import { hasUnpairedSurrogate } from './json-escape.ts'
import { type PostgresType, wireForm, withoutDomain } from './postgres-type.ts'

/** As the output function writes it; arrays, composite values and hstore as the JSON text that their columns hold. */
export function textForm(type: PostgresType): FormWriter {
  const plain = withoutDomain(type)
  const form = wireForm(plain)
  switch (form) {
    case undefined:
      return unknownForm
    case 'array':
    case 'composite':
    case 'hstore':
      return jsonForm(plain, 'keep')
    case 'range':
      return rangeForm(elementForm(plain, textForm))
    case 'multirange':
      return multirangeForm(elementForm(plain, textForm))
    default:
      return SCALAR_FORMS[form]
  }
}

/** Half a surrogate pair, in a part that is JSON itself: what no JSON column can hold, text can. */
export type Surrogates = 'check' | 'keep'

/**
 * As a JSON value: finite numbers with the digits that Postgres gives them, booleans, JSON as it is, everything else as a
 * string of its text form.
 */
export function jsonForm(type: PostgresType, surrogates: Surrogates): FormWriter {
  const plain = withoutDomain(type)
  const form = wireForm(plain)
  switch (form) {
    case 'array':
      return arrayJson(elementForm(plain, (element) => jsonForm(element, surrogates)))
    case 'composite': {
      const attributes = plain.attributes ?? []
      return compositeJson(
        attributes.map((attribute) => attribute.name),
        attributes.map((attribute) => jsonForm(attribute.type, surrogates)),
      )
    }
    case 'hstore':
      return writeHstoreJson
    case 'int2':
    case 'int4':
    case 'int8':
    case 'oid':
      return SCALAR_FORMS[form]
    case 'bool':
      return (writer, source, offset) => {
        writer.ascii(source.view.getUint8(offset) === 0 ? 'false' : 'true')
        return OK
      }
    case 'json':
      if (surrogates === 'keep') return SCALAR_FORMS.json
      return (writer, source, offset, length) => {
        if (hasUnpairedSurrogate(source, offset, length)) return UNPAIRED_SURROGATE
        return SCALAR_FORMS.json(writer, source, offset, length)
      }
    case 'jsonb':
      return SCALAR_FORMS.jsonb
    case 'float4':
    case 'float8':
    case 'numeric':
      return numberOrString(SCALAR_FORMS[form])
    default:
      return quoted(textForm(plain))
  }
}

function elementForm(type: PostgresType, formOf: (type: PostgresType) => FormWriter): FormWriter {
  return type.element === undefined ? unknownForm : formOf(type.element)
}

const unknownForm: FormWriter = () => NO_BINARY_DECODER

function quoted(text: FormWriter): FormWriter {
  return (writer, source, offset, length) => {
    const start = writer.length
    writer.byte(0x22)
    const outcome = text(writer, source, offset, length)
    writer.closeJsonString(start)
    return outcome
  }
}

/** `NaN`, `Infinity` and `-Infinity` are no JSON numbers: strings. All other numbers end in a digit. */
function numberOrString(text: FormWriter): FormWriter {
  return (writer, source, offset, length) => {
    const start = writer.length
    writer.byte(0x22)
    const outcome = text(writer, source, offset, length)
    const last = writer.content.view.getUint8(writer.length - 1)
    if (last >= 0x30 && last <= 0x39) writer.dropByte(start)
    else writer.byte(0x22)
    return outcome
  }
}
