"""The sample shop's knowledge base."""

from __future__ import annotations

from typing import NamedTuple


class SampleArticle(NamedTuple):
    """One article; the keywords are what customers write, in their languages, not what the manual says."""

    slug: str
    title: str
    keywords: str
    body: str


ARTICLES = [
    SampleArticle(
        "pair-headphones",
        "Pair the Breeze headphones",
        "bluetooth pairing pair connect connection headphones earphones headset disconnects kopfhörer koppeln "
        "verbinden casque écouteurs jumeler appairer connecter auriculares emparejar conectar cuffie "
        "auricolari associare collegare koptelefoon koppelen słuchawki parowanie наушники "
        "подключить подключаются 耳机 配对 "
        "イヤホン ペアリング 이어폰 연결 หูฟัง จับคู่",
        "Hold the power button for seven seconds until the light blinks blue, then choose 'Breeze' in the"
        " Bluetooth settings. If they are listed but do not connect, remove them from the list and pair "
        "again.",
    ),
    SampleArticle(
        "headphones-charge",
        "The headphones do not charge",
        "battery charge charging power empty headphones earphones cable kopfhörer akku laden lädt aufladen "
        "casque écouteurs batterie charger auriculares batería cargar cuffie caricare",
        "Use the cable that came with them and a charger of at least 5 W. Leave them connected for 20 "
        "minutes after a full discharge before the light comes on. A battery that lasts under three hours"
        " is covered by the warranty.",
    ),
    SampleArticle(
        "lamp-flickers",
        "The desk lamp flickers",
        "lamp light flicker flickers flickering dimmer broken lampe flackert flackern licht clignote "
        "scintille lámpara parpadea luz lampada lampeggia",
        "A lamp that flickers is almost always plugged into a dimmed socket. Use an undimmed socket, then"
        " hold the touch button for ten seconds to reset the lamp.",
    ),
    SampleArticle(
        "smart-plug-offline",
        "The smart plug is shown as offline",
        "plug smart offline wifi wi-fi app connect network steckdose wlan verbinden prise connectée réseau "
        "enchufe inteligente red presa",
        "The plug uses 2.4 GHz Wi-Fi only. Hold its button for five seconds until the light blinks fast, "
        "then add it again in the app while your phone is on the 2.4 GHz network.",
    ),
    SampleArticle(
        "router-slow",
        "The router is slow or drops the connection",
        "router slow internet wifi wi-fi drops connection speed firmware langsam wlan verbindung routeur lent "
        "connexion lento conexión lenta",
        "Install the newest firmware under System > Update, place the router away from metal and "
        "microwaves, and choose channel 1, 6 or 11 for 2.4 GHz. Restart it after the update.",
    ),
    SampleArticle(
        "keyboard-keys",
        "Keys of the keyboard do not respond",
        "keyboard key keys type typing stuck respond usb tastatur taste tasten klemmt reagiert clavier touche "
        "teclado tecla tastiera",
        "Connect the keyboard directly to the computer instead of a hub, and press Fn+Esc for five "
        "seconds to reset it. Keys that still stick can be lifted off and cleaned with a dry brush.",
    ),
    SampleArticle(
        "mouse-jumps",
        "The mouse pointer jumps",
        "mouse pointer cursor jumps sensor surface maus mauszeiger springt souris curseur saute ratón puntero salta",
        "Glass and glossy surfaces confuse the sensor: use a mat. Clean the lens with a dry cloth and set"
        " the sensitivity back to 800 dpi with the button behind the wheel.",
    ),
    SampleArticle(
        "webcam-black",
        "The webcam shows a black picture",
        "webcam camera black picture video image privacy kamera schwarz bild caméra noir image cámara negra imagen",
        "Open the privacy shutter, allow camera access for the program in the system settings, and close "
        "other programs that use the camera.",
    ),
    SampleArticle(
        "speaker-sound",
        "The speaker has no sound",
        "speaker sound audio silent volume mute music lautsprecher ton kein leise enceinte son muet altavoz "
        "sonido altoparlante suono",
        "Raise the volume on the speaker and on the device, and check that 'Halo' is chosen as the "
        "output. Hold the power button for ten seconds to restart the speaker.",
    ),
    SampleArticle(
        "reset-password",
        "Reset your password",
        "password login log sign account locked reset email passwort kennwort vergessen zurücksetzen anmelden konto "
        "gesperrt mot de passe oublié réinitialiser compte contraseña restablecer cuenta",
        "Choose 'Forgot password' on the sign-in page. The link is valid for one hour. Look into the spam"
        " folder if it does not arrive; after five wrong attempts the account is locked for 15 minutes.",
    ),
    SampleArticle(
        "warranty",
        "Warranty and repair",
        "warranty repair broken defect damaged replace garantie gewährleistung reparatur kaputt defekt "
        "réparation garantía reparación garanzia",
        "Every product has a warranty of two years. Describe the fault in a ticket; we answer within two "
        "working days and send a prepaid label for the repair.",
    ),
    SampleArticle(
        "returns",
        "Returns and refunds",
        "return returns refund money unused days rückgabe zurückgeben erstattung retour remboursement "
        "rembourser devolución reembolso reso rimborso",
        "An unused order can be refunded in full within 30 days of its delivery, once.",
    ),
]
